package id.jakartaone.harness;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ServerTest {
    private final CountDownLatch quit = new CountDownLatch(1);
    private int port;
    private Socket socket;

    @BeforeEach
    void connect() throws IOException {
        port = new Server(number -> Cards.TINY, quit::countDown).start(0);
        socket = new Socket(InetAddress.getByName("127.0.0.1"), port);
    }

    @AfterEach
    void disconnect() throws IOException {
        socket.close();
    }

    /** Status and payload of the answer to a frame, in hex. */
    private String call(int op, int card, String payload) throws IOException {
        return call(socket, op, card, payload);
    }

    private static String call(Socket to, int op, int card, String payload) throws IOException {
        byte[] bytes = HexFormat.of().parseHex(payload);
        to.getOutputStream().write(ByteBuffer.allocate(9 + bytes.length).putInt(5 + bytes.length)
            .put((byte) op).putInt(card).put(bytes).array());
        DataInputStream in = new DataInputStream(to.getInputStream());
        byte[] answer = new byte[in.readInt()];
        in.readFully(answer);
        return HexFormat.of().formatHex(answer);
    }

    private static String words(String answer) {
        assertTrue(answer.startsWith("01"), answer);
        return new String(HexFormat.of().parseHex(answer.substring(2)),
            java.nio.charset.StandardCharsets.UTF_8);
    }

    @Test
    void newCardsAreNumberedAndAnswerForThemselves() throws IOException {
        assertEquals("0000000001", call(0x01, 0, "01"));
        assertEquals("0000000002", call(0x01, 0, "01"));
        assertEquals("009000", call(0x02, 1, "8016000001AA"));
        assertEquals("00000000000000070000000000009000", call(0x02, 2, "80240000").substring(2));
    }

    @Test
    void aTornInstallIsNoCard() throws IOException {
        assertEquals("02", call(0x01, 0, "0100000001"));
        assertEquals("0000000001", call(0x01, 0, "0100000000"));
    }

    @Test
    void tearCountStateAndSeedDoAsTheySay() throws IOException {
        call(0x01, 0, "01");
        String state = call(0x05, 1, "");
        assertEquals("00", call(0x04, 1, "01000200"));
        assertEquals("02", call(0x02, 1, "80100000081112131415161718"));
        assertEquals(state, call(0x05, 1, ""));
        assertEquals("009000", call(0x02, 1, "80100000081112131415161718"));
        assertEquals("000005000100090000", call(0x06, 1, ""));
        assertEquals("00", call(0x09, 1, "0000000000000001"));
        String first = call(0x02, 1, "80200000");
        assertEquals("00", call(0x09, 1, "0000000000000001"));
        assertEquals(first, call(0x02, 1, "80200000"));
        assertEquals("00", call(0x03, 1, ""));
        assertEquals("0000000002", call(0x0C, 1, ""));
        assertEquals(call(0x05, 1, ""), call(0x05, 2, ""));
    }

    @Test
    void aBatchAnswersEachCommandMarksTornOnesAndResets() throws IOException {
        call(0x01, 0, "01");
        call(0x04, 1, "01000200");
        assertEquals("00" + "00029000" + "0000" + "ffff" + "00026d00",
            call(0x08, 1, "0006" + "8016000001AA" + "FFFF" + "0006" + "8016000001BB" + "0004"
                + "80FE0000"));
    }

    @Test
    void errorsSayWhatWasWrongAndLeaveTheConnectionOpen() throws IOException {
        assertTrue(words(call(0x02, 9, "80240000")).contains("no card 9"));
        call(0x01, 0, "01");
        assertTrue(words(call(0x7E, 1, "")).contains("no op 7e"));
        assertTrue(words(call(0x04, 1, "")).contains("too short"));
        assertTrue(words(call(0x04, 1, "050001")).contains("tear point"));
        assertTrue(words(call(0x04, 1, "010000")).contains("k at least 1"));
        assertTrue(words(call(0x09, 1, "0011")).contains("seed must be 8 bytes"));
        assertTrue(words(call(0x08, 1, "0004AA")).contains("too short"));
        assertTrue(words(call(0x0A, 1, "0001")).contains("no vpcd on 127.0.0.1:1"));
        assertEquals("00", call(0x07, 1, ""));
        assertTrue(words(call(0x05, 1, "")).contains("no card 1"));
    }

    @Test
    void aFrameTooLongOrTooShortIsRefusedAndEndsTheConnection() throws IOException {
        socket.getOutputStream().write(new byte[] {0, 0, 0, 4, 1, 0, 0, 0});
        DataInputStream in = new DataInputStream(socket.getInputStream());
        byte[] answer = new byte[in.readInt()];
        in.readFully(answer);
        assertTrue(words(HexFormat.of().formatHex(answer)).contains("frame of 4 bytes"));
    }

    @Test
    void severalConnectionsShareTheCards() throws IOException {
        call(0x01, 0, "01");
        try (Socket other = new Socket(InetAddress.getByName("127.0.0.1"), port)) {
            assertEquals("009000", call(other, 0x02, 1, "8016000001AA"));
        }
        assertEquals("00aa", call(0x02, 1, "80240000").substring(0, 4));
    }

    @Test
    void quitIsAnsweredAndEndsTheHarness() throws Exception {
        assertEquals("00", call(0xFF, 0, ""));
        quit.await();
    }
}
