package id.jakartaone.card;

import javacard.framework.Util;

/**
 * The last ten transactions, a ring; the latest of them is what PROOF tells.
 *
 * <p>An entry is NT 4, stored part 26, balance 4, TAC 8.
 */
final class PurseLog {
    static final short ENTRIES = 10;
    static final short ENTRY_SIZE = 42;
    static final short STORED = 4; // in an entry
    static final short STORED_SIZE = 26;
    static final short BALANCE = 30;
    static final short TAC = 34;

    // In the stored part.
    static final short KIND = 1;
    static final short PURSE = 2;
    static final short AMOUNT = 4;
    static final short TERMINAL = 12;

    private static final short LATEST = 0; // index of the latest entry
    private static final short COUNT = 1;
    private static final short RING = 2;

    private final byte[] ring = new byte[(short) (RING + ENTRIES * ENTRY_SIZE)];

    /** Returns whether there is a record of that number, from 1, the latest. */
    boolean has(short record) {
        return record <= ring[COUNT];
    }

    /** Puts an entry in place of the oldest; its caller has opened the transaction. */
    void add(byte[] entry, short at) {
        byte index = (byte) (short) ((short) (ring[LATEST] + 1) % ENTRIES);
        Store.copy(entry, at, ring, entryAt(index), ENTRY_SIZE);
        Store.put(ring, LATEST, index);
        if (ring[COUNT] < ENTRIES) {
            Store.put(ring, COUNT, (byte) (short) (ring[COUNT] + 1));
        }
    }

    /** Copies a record that is there to RAM. */
    void read(short record, byte[] to, short toAt) {
        Util.arrayCopyNonAtomic(ring, at(record), to, toAt, ENTRY_SIZE);
    }

    /** Copies NT, stored part and TAC of the latest record to RAM; returns the end. */
    short readProof(byte[] to, short toAt) {
        short from = at((short) 1);
        short end =
                Util.arrayCopyNonAtomic(ring, from, to, toAt, (short) (STORED + STORED_SIZE));
        return Util.arrayCopyNonAtomic(ring, (short) (from + TAC), to, end, Mac.SIZE);
    }

    /** Returns a byte of the latest record's stored part. */
    byte last(short field) {
        return ring[(short) (at((short) 1) + STORED + field)];
    }

    /** Returns whether bytes are those of a field in the latest record's stored part. */
    boolean lastIs(short field, byte[] other, short otherAt, short size) {
        short at = (short) (at((short) 1) + STORED + field);
        return Util.arrayCompare(ring, at, other, otherAt, size) == 0;
    }

    private short at(short record) {
        short index = (short) (ring[LATEST] + ENTRIES + 1 - record);
        return entryAt((short) (index % ENTRIES));
    }

    private static short entryAt(short index) {
        return (short) (RING + (short) (index * ENTRY_SIZE));
    }
}
