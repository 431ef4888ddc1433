package id.jakartaone.card;

import javacard.framework.Util;

/**
 * The one place that writes persistent memory, so that every write can be found and counted.
 *
 * <p>Every call stands in a transaction, which its caller opens, a single one too: an interrupted
 * cell is then rolled back, and not left to read otherwise at every look, with an S1 that does not
 * fit what SELECT said. Only {@code arrayCopy} is used: the platform rolls it back, which it does not
 * do for the fills and copies called non-atomic.
 */
final class Store {
    private Store() {}

    /** Writes one byte. */
    static void put(byte[] to, short at, byte value) {
        to[at] = value;
    }

    /** Copies bytes. */
    static void copy(byte[] from, short fromAt, byte[] to, short toAt, short size) {
        Util.arrayCopy(from, fromAt, to, toAt, size);
    }
}
