package id.jakartaone.card;

/** Constant bytes that go under MACs: ASCII labels, and the AID that card keys are tied to. */
final class Labels {
    static final byte[] SESSION_MAC = {
        'J', 'K', '1', ' ', 's', 'e', 's', 's', 'i', 'o', 'n', ' ', 'M', 'A', 'C'
    };
    static final byte[] SESSION_ENC = {
        'J', 'K', '1', ' ', 's', 'e', 's', 's', 'i', 'o', 'n', ' ', 'E', 'N', 'C'
    };
    static final byte[] IDENTITY_MAC = {
        'J', 'K', '1', ' ', 'i', 'd', 'e', 'n', 't', 'i', 't', 'y', ' ', 'M', 'A', 'C'
    };
    static final byte[] RECEIPT = {'J', 'K', '1', ' ', 'r', 'e', 'c', 'e', 'i', 'p', 't'};
    static final byte[] PURSE_AID = {(byte) 0xF0, 0x4A, 0x4B, 0x54, 0x31, 0x01};

    private Labels() {}
}
