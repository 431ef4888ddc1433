package id.jakartaone.harness;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;

/**
 * Serves cards over TCP on the loopback. A frame is length 4, op 1, card 4, payload; its answer is
 * length 4, status 1, payload. Several connections share the cards; each has its own thread.
 */
final class Server {
    private static final int FRAME_BYTES_MAX = 1 << 26;
    private static final int MARK = 0xFFFF;

    private final IntFunction<Kind> kinds;
    private final Runnable quit;
    private final Map<Integer, CardSlot> cards = new ConcurrentHashMap<>();
    private final AtomicInteger made = new AtomicInteger();

    /** A status byte and what follows it. */
    private record Answer(int status, byte[] payload) {
        static final Answer DONE = new Answer(0, new byte[0]);
        static final Answer GONE = new Answer(2, new byte[0]);

        static Answer of(byte[] payload) {
            return new Answer(0, payload);
        }

        static Answer of(int number) {
            return of(ByteBuffer.allocate(4).putInt(number).array());
        }
    }

    /**
     * A server of these kinds of card.
     *
     * @param kinds the kind of card by its number in NEW
     * @param quit what to do on QUIT
     */
    Server(IntFunction<Kind> kinds, Runnable quit) {
        this.kinds = kinds;
        this.quit = quit;
    }

    /** Listen on this port of the loopback (0 is any free one) and serve in the background. */
    int start(int port) throws IOException {
        ServerSocket listener = new ServerSocket(port, 50, InetAddress.getByName("127.0.0.1"));
        daemon("accept", () -> accept(listener));
        return listener.getLocalPort();
    }

    static void daemon(String name, Runnable work) {
        Thread thread = new Thread(work, name);
        thread.setDaemon(true);
        thread.start();
    }

    private void accept(ServerSocket listener) {
        while (true) {
            try {
                Socket peer = listener.accept();
                daemon("connection", () -> serve(peer));
            } catch (IOException error) {
                System.err.println("harness: no longer listening: " + error.getMessage());
                return;
            }
        }
    }

    private void serve(Socket peer) {
        try (Wire wire = new Wire(peer)) {
            for (int first = wire.readOrEnd(); first >= 0; first = wire.readOrEnd()) {
                long length = (long) first << 24 | wire.readNumber(3);
                if (length < 5 || length > FRAME_BYTES_MAX) {
                    wire.write(framed(new Answer(1, text("frame of " + length
                        + " bytes: expected 5 to " + FRAME_BYTES_MAX))));
                    return;
                }
                int op = (int) wire.readNumber(1);
                int card = (int) wire.readNumber(4);
                wire.write(framed(handle(op, card, wire.read((int) length - 5))));
                if (op == 0xFF) {
                    quit.run();
                }
            }
        } catch (IOException error) {
            System.err.println("harness: connection lost: " + error.getMessage());
        }
    }

    private Answer handle(int op, int card, byte[] payload) {
        try {
            return switch (op) {
                case 0x01 -> make(ByteBuffer.wrap(payload));
                case 0xFF -> Answer.DONE;
                default -> act(op, card, payload);
            };
        } catch (BufferUnderflowException error) {
            return new Answer(1, text("op " + Integer.toHexString(op) + ": payload of "
                + payload.length + " bytes is too short"));
        } catch (IOException | RuntimeException error) {
            return new Answer(1, text(error.getMessage() == null
                ? error.toString() : error.getMessage()));
        }
    }

    private Answer make(ByteBuffer payload) {
        Kind kind = kinds.apply(payload.get() & 0xFF);
        int tear = payload.hasRemaining() ? payload.getInt() : 0;
        return CardSlot.make(kind, tear).map(slot -> Answer.of(enter(slot))).orElse(Answer.GONE);
    }

    private int enter(CardSlot slot) {
        int id = made.incrementAndGet();
        cards.put(id, slot);
        return id;
    }

    private Answer act(int op, int card, byte[] payload) throws IOException {
        CardSlot slot = cards.get(card);
        if (slot == null) {
            return new Answer(1, text("no card " + card + ": NEW makes one, DROP throws it away"));
        }
        ByteBuffer in = ByteBuffer.wrap(payload);
        switch (op) {
            case 0x02:
                return slot.apdu(payload).map(Answer::of).orElse(Answer.GONE);
            case 0x03:
                slot.reset();
                return Answer.DONE;
            case 0x04:
                slot.tear(tear(in));
                return Answer.DONE;
            case 0x05:
                return Answer.of(slot.state());
            case 0x06:
                ByteBuffer counts = ByteBuffer.allocate(8);
                for (int count : slot.counts()) {
                    counts.putShort((short) Math.min(count, MARK));
                }
                return Answer.of(counts.array());
            case 0x07:
                cards.remove(card);
                slot.move(null);
                return Answer.DONE;
            case 0x08:
                return Answer.of(batch(slot, in));
            case 0x09:
                slot.seed(seed(payload));
                return Answer.DONE;
            case 0x0A:
                int port = in.getShort() & MARK;
                slot.move(port == 0 ? null : VpcdBridge.connect(slot, port));
                return Answer.DONE;
            case 0x0B:
                VpcdBridge bridge = VpcdBridge.listen(slot, in.getShort() & MARK);
                slot.move(bridge);
                return Answer.of(ByteBuffer.allocate(2).putShort((short) bridge.port()).array());
            case 0x0C:
                return Answer.of(enter(slot.copy()));
            case 0x0D:
                CardSlot there = cards.get(in.getInt());
                return Answer.of(new byte[] {(byte) (there != null && slot.replace(there) ? 1 : 0)});
            default:
                return new Answer(1, text("no op " + Integer.toHexString(op)));
        }
    }

    private static Tear tear(ByteBuffer in) {
        int point = in.get() & 0xFF;
        if (point == 0) {
            return Tear.NEVER;
        }
        int k = in.getShort() & MARK;
        return new Tear(point, k, in.hasRemaining() && in.get() != 0);
    }

    private static byte[] seed(byte[] payload) {
        if (payload.length != 0 && payload.length != 8) {
            throw new IllegalArgumentException(
                "seed must be 8 bytes or none, got " + payload.length);
        }
        return payload;
    }

    private static byte[] batch(CardSlot slot, ByteBuffer in) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        while (in.hasRemaining()) {
            int length = in.getShort() & MARK;
            if (length == MARK) {
                slot.reset();
                putShort(out, 0);
                continue;
            }
            byte[] command = new byte[length];
            in.get(command);
            Optional<byte[]> answer = slot.apdu(command);
            putShort(out, answer.isPresent() ? answer.get().length : MARK);
            answer.ifPresent(out::writeBytes);
        }
        return out.toByteArray();
    }

    private static void putShort(ByteArrayOutputStream out, int value) {
        out.write(value >> 8);
        out.write(value);
    }

    private static byte[] framed(Answer answer) {
        int length = answer.payload().length + 1;
        return ByteBuffer.allocate(4 + length).putInt(length).put((byte) answer.status())
            .put(answer.payload()).array();
    }

    private static byte[] text(String words) {
        return words.getBytes(java.nio.charset.StandardCharsets.UTF_8);
    }
}
