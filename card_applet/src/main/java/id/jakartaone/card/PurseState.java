package id.jakartaone.card;

import javacard.framework.JCSystem;

/**
 * All that a purse keeps beside its log, in one array: what SELECT says as it says it, the purses'
 * limits and restricted balances as STORE DATA brings them, keys, counters, and what CANCEL and a
 * two-phase load need. Who writes does so through {@link Store}.
 */
final class PurseState {
    // What SELECT says, 63 bytes.
    static final short SAID = 0;
    static final short CARD = 0;
    static final short CARD_SIZE = 8;
    static final short ISSUER = 8;
    static final short STATUS = 11;
    static final short KEY_VERSION = 12;
    static final short GROUP = 13; // and its expiry 2
    static final short NT = 18;
    static final short BALANCE = 22;
    static final short FLAGS = 26;
    static final short TRANSIT = 27;
    static final short PARKING = 56;
    static final short SAID_SIZE = 63;

    // Block 3 of STORE DATA, 52 bytes.
    static final short PURSES = 63;
    static final short LIMIT = 63;
    static final short ROUTINE_BALANCE = 67;
    static final short ROUTINE_LIMIT = 71;
    static final short PERIODIC_BALANCE = 75;
    static final short PERIODIC_LIMIT = 79;
    static final short ROUTINE_CATEGORIES = 83;
    static final short PERIODIC_CATEGORIES = 99;
    static final short PURSES_SIZE = 52;

    // Block 2: debit, load, admin, tac.
    static final short KEYS = 115;
    static final short LOAD_KEY = 131;
    static final short ADMIN_KEY = 147;
    static final short TAC_KEY = 163;
    static final short KEYS_SIZE = 64;

    static final short WRONG_MACS = 179;
    static final short RESERVED = 180; // purse 1, amount 4
    static final short BEFORE = 185; // the state that the last debit replaced, 29 or 7
    static final short SIZE = 214;

    static final short TRANSIT_SIZE = 29;
    static final short PARKING_SIZE = 7;
    static final short CATEGORIES = 8;

    /** Bits of the flags. */
    static final byte UNCONFIRMED = 1;

    static final byte RESERVED_LOAD = 2;

    /** Slots: which state a transaction replaces. */
    static final byte SLOT_NONE = 0;

    static final byte SLOT_TRANSIT = 1;
    static final byte SLOT_PARKING = 2;

    /** Purses. */
    static final byte MAIN = 1;

    static final byte ROUTINE = 2;
    static final byte PERIODIC = 3;

    final byte[] data = new byte[SIZE];

    /** Returns whether a purse of that number is on this card: it has a limit above 0. */
    boolean has(byte purse) {
        return purse >= MAIN && purse <= PERIODIC && !Rupiah.isZero(data, limitAt(purse));
    }

    /** Returns where a purse's balance lies. */
    static short balanceAt(byte purse) {
        if (purse == MAIN) {
            return BALANCE;
        }
        return purse == ROUTINE ? ROUTINE_BALANCE : PERIODIC_BALANCE;
    }

    /** Returns where a purse's limit lies. */
    static short limitAt(byte purse) {
        if (purse == MAIN) {
            return LIMIT;
        }
        return purse == ROUTINE ? ROUTINE_LIMIT : PERIODIC_LIMIT;
    }

    /** Returns whether a restricted purse may be spent on a category, two bytes; 0 is none. */
    boolean allows(byte purse, byte[] category, short at) {
        byte high = category[at];
        byte low = category[(short) (at + 1)];
        if (high == 0 && low == 0) {
            return false;
        }
        short own = purse == ROUTINE ? ROUTINE_CATEGORIES : PERIODIC_CATEGORIES;
        for (short i = 0; i < CATEGORIES; i++) {
            if (data[own] == high && data[(short) (own + 1)] == low) {
                return true;
            }
            own += 2;
        }
        return false;
    }

    /** Returns where a slot's state lies. */
    static short slotAt(byte slot) {
        return slot == SLOT_TRANSIT ? TRANSIT : PARKING;
    }

    /** Returns how many bytes a slot's state has. */
    static short slotSize(byte slot) {
        if (slot == SLOT_NONE) {
            return 0;
        }
        return slot == SLOT_TRANSIT ? TRANSIT_SIZE : PARKING_SIZE;
    }

    /** Returns the wrong-MAC counter. */
    short wrongMacs() {
        return (short) (data[WRONG_MACS] & 0xFF);
    }

    /** Counts a wrong MAC, up to 255: the one write that bad input makes. */
    void countWrongMac() {
        if (wrongMacs() < 0xFF) {
            JCSystem.beginTransaction();
            Store.put(data, WRONG_MACS, (byte) (short) (wrongMacs() + 1));
            JCSystem.commitTransaction();
        }
    }

    /** Sets the wrong-MAC counter to 0, without wearing memory where it is. */
    void forgiveWrongMacs() {
        if (data[WRONG_MACS] != 0) {
            Store.put(data, WRONG_MACS, (byte) 0);
        }
    }

    /** Returns the flags with some bits set and others cleared. */
    byte flagsWith(byte set, byte cleared) {
        return (byte) ((data[FLAGS] | set) & ~cleared);
    }
}
