package id.jakartaone.harness;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.Closeable;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class VpcdBridgeTest {
    private static final String GET_UID = "FFCA000000";

    private final CardSlot card = Cards.tiny();

    /** The side of vpcd: sends length and payload in two writes, as Debian's does. */
    private record Reader(Socket socket) implements Closeable {
        void send(String payload) throws IOException {
            byte[] bytes = HexFormat.of().parseHex(payload);
            socket.getOutputStream()
                .write(new byte[] {(byte) (bytes.length >> 8), (byte) bytes.length});
            socket.getOutputStream().write(bytes);
        }

        String ask(String payload) throws IOException {
            send(payload);
            DataInputStream in = new DataInputStream(socket.getInputStream());
            byte[] answer = new byte[in.readUnsignedShort()];
            in.readFully(answer);
            return HexFormat.of().formatHex(answer);
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }

    private Reader reader() throws IOException {
        VpcdBridge bridge = VpcdBridge.listen(card, 0);
        card.move(bridge);
        return to(bridge);
    }

    private static Reader to(VpcdBridge bridge) throws IOException {
        return new Reader(new Socket(InetAddress.getByName("127.0.0.1"), bridge.port()));
    }

    @Test
    void theAtrIsToldAtAnyTimeAndIsWellFormed() throws IOException {
        try (Reader reader = reader()) {
            String atr = reader.ask("04");
            reader.send("01");
            assertEquals(atr, reader.ask("04"));
            assertEquals("9000", reader.ask("8016000001AA"));
            assertEquals(atr, reader.ask("04"));
            byte check = 0;
            for (byte part : HexFormat.of().parseHex(atr.substring(2))) {
                check ^= part;
            }
            assertEquals(0, check);
        }
    }

    @Test
    void powerAndResetAreNotAnsweredAndClearTransientMemory() throws IOException {
        try (Reader reader = reader()) {
            for (String control : new String[] {"01", "02", "00"}) {
                reader.ask("80220000");
                reader.send(control);
                assertEquals("0000", reader.ask("80240000").substring(20, 24));
            }
        }
    }

    @Test
    void theUidIsRandomAndFreshAtEveryPowerUp() throws IOException {
        try (Reader reader = reader()) {
            reader.send("01");
            String uid = reader.ask(GET_UID);
            assertTrue(uid.matches("08[0-9a-f]{6}9000"), uid);
            assertEquals(uid, reader.ask(GET_UID));
            reader.send("00");
            reader.send("01");
            assertNotEquals(uid, reader.ask(GET_UID));
        }
    }

    @Test
    void aTornCardLeavesTheReaderAndCanBePutThereAgain() throws IOException {
        VpcdBridge bridge = VpcdBridge.listen(card, 0);
        card.move(bridge);
        try (Reader reader = to(bridge)) {
            card.tear(new Tear(Tear.BEFORE_ANSWER, 1, false));
            reader.send("8016000001AA");
            assertEquals(-1, reader.socket().getInputStream().read());
        }
        try (Reader reader = to(bridge)) {
            assertEquals("aa", reader.ask("80240000").substring(0, 2));
        }
    }

    @Test
    void aCardConnectsOutToAVpcdAndIsTakenOutOfIt() throws IOException {
        try (ServerSocket vpcd = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            card.move(VpcdBridge.connect(card, vpcd.getLocalPort()));
            try (Reader reader = new Reader(vpcd.accept())) {
                assertEquals("6700", reader.ask("8010"));
                card.move(null);
                assertEquals(-1, reader.socket().getInputStream().read());
            }
        }
    }
}
