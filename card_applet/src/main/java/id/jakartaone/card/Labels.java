package id.jakartaone.card;

import javacard.framework.Util;

/**
 * Constant bytes that go under MACs, two ASCII letters a line: they lie in code, because arrays
 * would lie in each card's memory, and a static array is shared by all applets of a card.
 */
final class Labels {
    static final byte SESSION_MAC = 1;
    static final byte SESSION_ENC = 2;
    static final byte IDENTITY_MAC = 3;

    private static final short MA = (short) 0x4D41;
    private static final short EN = (short) 0x454E;

    private Labels() {}

    /** Writes a key's label to RAM; returns its end. */
    static short putLabel(byte label, byte[] to, short at) {
        short end = putScheme(to, at);
        if (label == IDENTITY_MAC) {
            end = Util.setShort(to, end, (short) 0x6964); // id
            end = Util.setShort(to, end, (short) 0x656E); // en
            end = Util.setShort(to, end, (short) 0x7469); // ti
            end = Util.setShort(to, end, (short) 0x7479); // ty
            to[end++] = 0x20;
        } else {
            end = Util.setShort(to, end, (short) 0x7365); // se
            end = Util.setShort(to, end, (short) 0x7373); // ss
            end = Util.setShort(to, end, (short) 0x696F); // io
            end = Util.setShort(to, end, (short) 0x6E20); // n
        }
        end = Util.setShort(to, end, label == SESSION_ENC ? EN : MA);
        to[end++] = 0x43; // C
        return end;
    }

    /** Writes "JK1 receipt" to RAM; returns its end. */
    static short putReceipt(byte[] to, short at) {
        short end = putScheme(to, at);
        end = Util.setShort(to, end, (short) 0x7265); // re
        end = Util.setShort(to, end, (short) 0x6365); // ce
        end = Util.setShort(to, end, (short) 0x6970); // ip
        to[end++] = 0x74; // t
        return end;
    }

    /** Writes the AID of the purse, which every card key is tied to, to RAM; returns its end. */
    static short putPurseAid(byte[] to, short at) {
        short end = Util.setShort(to, at, (short) 0xF04A);
        end = Util.setShort(to, end, (short) 0x4B54);
        return Util.setShort(to, end, (short) 0x3101);
    }

    private static short putScheme(byte[] to, short at) {
        short end = Util.setShort(to, at, (short) 0x4A4B); // JK
        return Util.setShort(to, end, (short) 0x3120); // 1
    }
}
