package id.jakartaone.card;

import javacard.framework.ISOException;
import javacard.framework.JCSystem;

/**
 * STORE DATA: fills an application before it is issued, block by block, each in one transaction.
 *
 * <p>Which blocks have come is kept; the last one (P1 80) issues the application, and from then on
 * there is no way back in.
 */
final class Personalisation {
    private static final byte MORE = 0;
    private static final byte LAST = (byte) 0x80;
    private static final byte YES = 1;
    private static final short ISSUED = 0;

    private final byte[] come; // issued 1, then a byte for each block
    private final short needed;
    private final boolean oneMore;

    /**
     * Makes it.
     *
     * @param blocks how many blocks there are
     * @param needed how many of them, from the first, an issued application must have
     * @param oneMore whether it must have one of the others too
     */
    Personalisation(short blocks, short needed, boolean oneMore) {
        come = new byte[(short) (1 + blocks)];
        this.needed = needed;
        this.oneMore = oneMore;
    }

    /** Returns whether the application is issued. */
    boolean isIssued() {
        return come[ISSUED] == YES;
    }

    /** Returns whether a block, from 1, has come. */
    boolean has(short block) {
        return come[block] == YES;
    }

    /** Refuses P1 and P2 that name no block. */
    void checkParameters(byte p1, byte p2) {
        if (p1 != MORE && p1 != LAST || p2 <= 0 || p2 >= come.length) {
            ISOException.throwIt(Sw.WRONG_PARAMETERS);
        }
    }

    /** Keeps a block at a place of an array; issues the application with the last. */
    void keep(byte[] buffer, byte[] to, short at, short size) {
        byte block = buffer[Application.P2];
        boolean last = buffer[Application.P1] == LAST;
        if (last && !isCompleteWith(block)) {
            ISOException.throwIt(Sw.WRONG_STATE);
        }
        JCSystem.beginTransaction();
        Store.copy(buffer, Application.DATA, to, at, size);
        Store.put(come, block, YES);
        if (last) {
            Store.put(come, ISSUED, YES);
        }
        JCSystem.commitTransaction();
    }

    private boolean isCompleteWith(byte block) {
        for (short i = 1; i <= needed; i++) {
            if (!has(i) && i != block) {
                return false;
            }
        }
        boolean found = !oneMore;
        for (short i = (short) (needed + 1); i < come.length; i++) {
            found |= has(i) || i == block;
        }
        return found;
    }
}
