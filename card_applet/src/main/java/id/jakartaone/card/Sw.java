package id.jakartaone.card;

/** Every status word that these applets answer with; docs/spec/card.md says what each one means. */
final class Sw {
    static final short CARD_BLOCKED = (short) 0x6283;
    static final short WRONG_LENGTH = (short) 0x6700;
    static final short COUNTER_EXHAUSTED = (short) 0x6900;
    static final short NOT_ALLOWED = (short) 0x6982;
    static final short MAC_BLOCKED = (short) 0x6983;
    static final short WRONG_STATE = (short) 0x6985;
    static final short WRONG_MAC = (short) 0x6988;
    static final short WRONG_DATA = (short) 0x6A80;
    static final short APPLICATION_UNKNOWN = (short) 0x6A82;
    static final short PROOF_UNKNOWN = (short) 0x6A83;
    static final short WRONG_PARAMETERS = (short) 0x6A86;
    static final short REFERENCE_UNKNOWN = (short) 0x6A88;
    static final short INSTRUCTION_UNKNOWN = (short) 0x6D00;
    static final short CLASS_UNKNOWN = (short) 0x6E00;
    static final short BALANCE_TOO_LOW = (short) 0x9401;
    static final short LIMIT_EXCEEDED = (short) 0x9402;
    static final short KEYS_UNKNOWN = (short) 0x9403;
    static final short CATEGORY_REFUSED = (short) 0x9404;
    static final short CEILING_REACHED = (short) 0x9405;

    private Sw() {}
}
