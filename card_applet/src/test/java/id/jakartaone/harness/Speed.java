package id.jakartaone.harness;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** Measures the harness; README.md has the command and the figures. No test: it times things. */
public final class Speed {
    private static final int CARDS = 10_000;
    private static final int PAIRS = 20_000;
    private static final int ROUNDS = 5;
    private static final String PURSE = "F04A4B543101";
    private static final String INIT = "8040010114" + "00000DAC" + "00000012" + "02FAF092"
        + "A1A2A3A4A5A6A7A8" + "00";

    private Speed() {
    }

    /** Print cards a second, KiB a card, and APDUs a second over BATCH, the best of five rounds. */
    public static void main(String[] arguments) throws IOException {
        PrintStream out = System.out;
        List<CardSlot> cards = new ArrayList<>(CARDS);
        long before = used();
        long start = System.nanoTime();
        for (int made = 0; made < CARDS; made++) {
            cards.add(CardSlot.make(Kind.numbered(1), 0).orElseThrow());
        }
        out.printf("%,.0f cards a second%n", CARDS / seconds(start));
        out.printf("%.1f KiB a card%n", (used() - before) / 1024.0 / cards.size());
        int port = new Server(Kind::numbered, () -> { }).start(0);
        try (Socket socket = new Socket(InetAddress.getByName("127.0.0.1"), port)) {
            call(socket, 0x01, 0, new byte[] {1});
            issue(socket);
            byte[] batch = batch();
            double best = Double.MAX_VALUE;
            for (int round = 0; round < ROUNDS; round++) {
                start = System.nanoTime();
                byte[] answers = call(socket, 0x08, 1, batch);
                if (answers.length != 1 + PAIRS * (2 + 63 + 2 + 2 + 26 + 2)) {
                    throw new IllegalStateException("SELECT and INIT were refused");
                }
                best = Math.min(best, seconds(start));
            }
            out.printf("%,.0f APDUs a second (SELECT, INIT)%n", 2 * PAIRS / best);
        }
    }

    private static void issue(Socket socket) throws IOException {
        ByteBuffer said = ByteBuffer.allocate(63);
        said.putInt(22, 2_000_000);
        ByteBuffer purses = ByteBuffer.allocate(52).putInt(10_000_000);
        store(socket, 0x0001, said.array());
        store(socket, 0x0002, new byte[64]);
        store(socket, 0x8003, purses.array());
    }

    private static void store(Socket socket, int parameters, byte[] block) throws IOException {
        byte[] answer = call(socket, 0x02, 1, ByteBuffer.allocate(5 + block.length)
            .putShort((short) 0x80E2).putShort((short) parameters).put((byte) block.length)
            .put(block).array());
        if (!HexFormat.of().formatHex(answer).equals("009000")) {
            throw new IllegalStateException("STORE DATA: " + HexFormat.of().formatHex(answer));
        }
    }

    private static byte[] batch() {
        ByteArrayOutputStream commands = new ByteArrayOutputStream();
        for (int pair = 0; pair < PAIRS; pair++) {
            for (String command : new String[] {"00A4040006" + PURSE, INIT}) {
                byte[] bytes = HexFormat.of().parseHex(command);
                commands.write(0);
                commands.write(bytes.length);
                commands.writeBytes(bytes);
            }
        }
        return commands.toByteArray();
    }

    private static byte[] call(Socket to, int op, int card, byte[] payload) throws IOException {
        to.getOutputStream().write(ByteBuffer.allocate(9 + payload.length)
            .putInt(5 + payload.length).put((byte) op).putInt(card).put(payload).array());
        DataInputStream in = new DataInputStream(to.getInputStream());
        byte[] answer = new byte[in.readInt()];
        in.readFully(answer);
        return answer;
    }

    private static double seconds(long start) {
        return (System.nanoTime() - start) / 1e9;
    }

    private static long used() {
        System.gc();
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }
}
