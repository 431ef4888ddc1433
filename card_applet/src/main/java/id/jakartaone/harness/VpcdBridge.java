package id.jakartaone.harness;

import java.io.Closeable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Optional;

/**
 * A card in a virtual reader, in the protocol of vpcd: each message is length 2 and payload, vpcd
 * speaks first, and answers only the ATR and commands. A torn card leaves the reader: the
 * connection is closed without an answer.
 */
final class VpcdBridge implements Closeable {
    private static final int POWER_OFF = 0;
    private static final int POWER_ON = 1;
    private static final int RESET = 2;
    private static final int GET_ATR = 4;
    private static final byte[] GET_UID = {(byte) 0xFF, (byte) 0xCA, 0, 0, 0};
    /** A contactless card of ISO 14443-4 without historical bytes, as PC/SC part 3 has it. */
    private static final byte[] ATR = {0x3B, (byte) 0x80, (byte) 0x80, 0x01, 0x01};

    /** The card that answers; changed and asked under `turn`. */
    private CardSlot slot;
    private final Object turn = new Object();
    private final ServerSocket listener;
    private final SecureRandom random = new SecureRandom();
    private final byte[] uid = {0x08, 0, 0, 0, (byte) 0x90, 0};
    private volatile Socket peer;
    private volatile boolean closed;
    /** Held while a reader is served, the reset at its end included. */
    private final Object serving = new Object();

    private VpcdBridge(CardSlot slot, ServerSocket listener, Socket peer) {
        this.slot = slot;
        this.listener = listener;
        this.peer = peer;
        drawUid();
    }

    /** Put the card into the reader that listens on this port of the loopback. */
    static VpcdBridge connect(CardSlot slot, int port) throws IOException {
        Socket peer;
        try {
            peer = new Socket(InetAddress.getByName("127.0.0.1"), port);
        } catch (IOException error) {
            throw new IOException("no vpcd on 127.0.0.1:" + port + ": " + error.getMessage()
                + "; start pcscd with vpcd there", error);
        }
        VpcdBridge bridge = new VpcdBridge(slot, null, peer);
        Server.daemon("vpcd", () -> bridge.serve(peer));
        return bridge;
    }

    /** Wait on this port of the loopback (0 is any) for readers that connect to the card. */
    static VpcdBridge listen(CardSlot slot, int port) throws IOException {
        ServerSocket listener = new ServerSocket(port, 1, InetAddress.getByName("127.0.0.1"));
        VpcdBridge bridge = new VpcdBridge(slot, listener, null);
        Server.daemon("vpcd", bridge::accept);
        return bridge;
    }

    /** Have another card answer from now on, as if just put in; false if no reader asks here. */
    boolean hold(CardSlot next) {
        synchronized (turn) {
            if (closed || peer == null || peer.isClosed()) {
                return false;
            }
            slot.reset();
            slot = next;
            slot.reset();
            drawUid();
            return true;
        }
    }

    int port() {
        return listener.getLocalPort();
    }

    @Override
    public void close() {
        closed = true;
        quietly(listener);
        quietly(peer);
        // Whoever puts the card in elsewhere must not have it reset after that: wait for the reset.
        synchronized (serving) {
            peer = null;
        }
    }

    private static void quietly(Closeable socket) {
        try {
            if (socket != null) {
                socket.close();
            }
        } catch (IOException error) {
            System.err.println("harness: closing a virtual reader: " + error.getMessage());
        }
    }

    private void accept() {
        while (!closed) {
            try {
                peer = listener.accept();
            } catch (IOException error) {
                if (!closed) {
                    System.err.println("harness: virtual reader: " + error.getMessage());
                }
                return;
            }
            serve(peer);
        }
    }

    private void serve(Socket reader) {
        synchronized (serving) {
            if (closed) {
                quietly(reader);
            } else {
                answerAll(reader);
            }
        }
    }

    private void answerAll(Socket reader) {
        try (Wire wire = new Wire(reader)) {
            for (int first = wire.readOrEnd(); first >= 0; first = wire.readOrEnd()) {
                byte[] message = wire.read(first << 8 | (int) wire.readNumber(1));
                Optional<byte[]> answer;
                synchronized (turn) {
                    answer = answer(message);
                }
                if (answer.isEmpty()) {
                    return;
                }
                if (answer.get().length > 0) {
                    wire.write(framed(answer.get()));
                }
            }
        } catch (IOException error) {
            if (!closed) {
                System.err.println("harness: virtual reader gone: " + error.getMessage());
            }
        } finally {
            synchronized (turn) {
                slot.reset();
            }
        }
    }

    /** What to send back: nothing at all if the card has gone, no bytes if none are due. */
    private Optional<byte[]> answer(byte[] message) {
        if (message.length == 1) {
            return Optional.of(control(message[0]));
        }
        return Arrays.equals(message, GET_UID) ? Optional.of(uid) : slot.apdu(message);
    }

    private byte[] control(int code) {
        switch (code) {
            case GET_ATR:
                return ATR;
            case POWER_ON, RESET:
                drawUid();
                slot.reset();
                break;
            case POWER_OFF:
                slot.reset();
                break;
            default:
                break;
        }
        return new byte[0];
    }

    /** A fresh random UID: ISO 14443-3 gives those the first byte 08. */
    private void drawUid() {
        byte[] drawn = new byte[3];
        random.nextBytes(drawn);
        System.arraycopy(drawn, 0, uid, 1, drawn.length);
    }

    private static byte[] framed(byte[] answer) {
        byte[] message = new byte[answer.length + 2];
        message[0] = (byte) (answer.length >> 8);
        message[1] = (byte) answer.length;
        System.arraycopy(answer, 0, message, 2, answer.length);
        return message;
    }
}
