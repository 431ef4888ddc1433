package id.jakartaone.harness;

import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.StandardSocketOptions;
import jdk.net.ExtendedSocketOptions;

/**
 * One connection. Linux holds back acknowledgements unless told otherwise before each receive,
 * which costs 40 ms against a peer that sends length and data apart; so it is told each time.
 */
final class Wire implements Closeable {
    private final Socket socket;
    private final InputStream in;
    private final OutputStream out;
    private final byte[] buffer = new byte[1 << 16];
    private int at;
    private int end;

    Wire(Socket socket) throws IOException {
        this.socket = socket;
        socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
        in = socket.getInputStream();
        out = socket.getOutputStream();
    }

    /** The next byte as 0..255, or -1 if the peer has closed between two messages. */
    int readOrEnd() throws IOException {
        if (at == end && !fill()) {
            return -1;
        }
        return buffer[at++] & 0xFF;
    }

    /**
     * The next `bytes` bytes as an unsigned number.
     *
     * @throws EOFException if the peer has closed inside a message
     */
    long readNumber(int bytes) throws IOException {
        long number = 0;
        for (int index = 0; index < bytes; index++) {
            int next = readOrEnd();
            if (next < 0) {
                throw new EOFException("the peer closed inside a message");
            }
            number = number << 8 | next;
        }
        return number;
    }

    byte[] read(int length) throws IOException {
        byte[] bytes = new byte[length];
        int got = 0;
        while (got < length) {
            if (at == end && !fill()) {
                throw new EOFException("the peer closed inside a message");
            }
            int part = Math.min(length - got, end - at);
            System.arraycopy(buffer, at, bytes, got, part);
            at += part;
            got += part;
        }
        return bytes;
    }

    /** Send a whole message in one write. */
    void write(byte[] message) throws IOException {
        out.write(message);
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }

    private boolean fill() throws IOException {
        socket.setOption(ExtendedSocketOptions.TCP_QUICKACK, true);
        at = 0;
        end = Math.max(0, in.read(buffer));
        return end > 0;
    }
}
