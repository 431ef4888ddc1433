package id.jakartaone.card;

/** All that a SAM keeps: who it is, what it may sign, its counters, and its issuers' key sets. */
final class SamState {
    // Block 1 of STORE DATA, 37 bytes.
    static final short SAM = 0;
    static final short TERMINAL = 4;
    static final short MAY = 8;
    static final short MERCHANT = 9; // operator 2, category 2
    static final short CEILING = 13;
    static final short COUNTER = 17;
    static final short RECEIPT_KEY = 21;
    static final short OWN_SIZE = 37;

    static final short UNACKNOWLEDGED = 37;
    static final short RECEIPT = 41; // number of the last receipt
    static final short SIZE = 45;

    static final short KEY_SETS = 16;
    static final short KEY_SET_SIZE = 20; // issuer 2, role 1, version 1, master 16
    static final short MASTER = 4;

    static final short NOT_FOUND = -1;

    final byte[] data = new byte[SIZE];
    final byte[] keys = new byte[(short) (KEY_SETS * KEY_SET_SIZE)];

    private final Personalisation personalisation;

    SamState(Personalisation personalisation) {
        this.personalisation = personalisation;
    }

    /** Returns where a key set's block of STORE DATA goes. */
    static short keySetAt(byte block) {
        return (short) ((short) (block - 2) * KEY_SET_SIZE);
    }

    /** Returns where the master of an issuer 2, role 1, version 1 lies, or NOT_FOUND. */
    short masterAt(byte[] which, short at) {
        for (byte block = 2; block < (byte) (KEY_SETS + 2); block++) {
            short row = keySetAt(block);
            if (personalisation.has(block) && isSet(row, which, at)) {
                return (short) (row + MASTER);
            }
        }
        return NOT_FOUND;
    }

    private boolean isSet(short row, byte[] which, short at) {
        for (short i = 0; i < MASTER; i++) {
            if (keys[(short) (row + i)] != which[(short) (at + i)]) {
                return false;
            }
        }
        return true;
    }
}
