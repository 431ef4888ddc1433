package id.jakartaone.card;

import javacard.framework.JCSystem;
import javacard.framework.Util;
import javacard.security.AESKey;
import javacard.security.CryptoException;
import javacard.security.KeyBuilder;
import javacard.security.Signature;
import javacardx.crypto.Cipher;

/**
 * AES-CMAC (RFC 4493), key derivation over it (SP 800-108, counter mode), MACs of 8 bytes.
 *
 * <p>Keys lie in byte arrays, persistent ones under {@link Store}; here they are set into transient
 * key objects: one for a single use, one that lives as long as a session. Results go to RAM only.
 */
final class Mac {
    /** Bytes of a key and of a whole CMAC. */
    static final short KEY_SIZE = 16;

    /** Bytes of a MAC. */
    static final short SIZE = 8;

    private static final short BLOCK = 16;
    private static final short SCRATCH = 64;
    private static final byte GALOIS_LAST = (byte) 0x87; // RFC 4493 2.3, Rb

    private final AESKey once;
    private final AESKey session;
    private final Signature cmac; // null on a platform without it
    private final Cipher cipher;
    private final byte[] whole; // the last CMAC
    private final byte[] scratch;

    /** Makes it, with the platform's AES-CMAC where it has one. */
    Mac() {
        this(true);
    }

    /** Makes it; without {@code platform}, CMAC is worked out from single AES blocks. */
    Mac(boolean platform) {
        once = key();
        session = key();
        cmac = platform ? platformCmac() : null;
        cipher = Cipher.getInstance(Cipher.ALG_AES_BLOCK_128_CBC_NOPAD, false);
        whole = JCSystem.makeTransientByteArray(BLOCK, JCSystem.CLEAR_ON_DESELECT);
        scratch = JCSystem.makeTransientByteArray(SCRATCH, JCSystem.CLEAR_ON_DESELECT);
    }

    /** Writes the 16-byte CMAC of a message under a key to RAM. */
    void cmac(
            byte[] key, short keyAt, byte[] message, short at, short size, byte[] to, short toAt) {
        once.setKey(key, keyAt);
        sign(once, message, at, size);
        Util.arrayCopyNonAtomic(whole, (short) 0, to, toAt, KEY_SIZE);
    }

    /** Writes the 8-byte MAC of a message under a key to RAM. */
    void mac(
            byte[] key, short keyAt, byte[] message, short at, short size, byte[] to, short toAt) {
        once.setKey(key, keyAt);
        sign(once, message, at, size);
        Util.arrayCopyNonAtomic(whole, (short) 0, to, toAt, SIZE);
    }

    /** Returns whether {@code got} is a message's MAC under a key. */
    boolean holds(
            byte[] key,
            short keyAt,
            byte[] message,
            short at,
            short size,
            byte[] got,
            short gotAt) {
        once.setKey(key, keyAt);
        sign(once, message, at, size);
        return equalsLast(got, gotAt);
    }

    /** Derives the session's key from another key, a label and a context. */
    void open(byte[] key, short keyAt, byte label, byte[] context, short at, short size) {
        derive(key, keyAt, label, context, at, size);
        session.setKey(whole, (short) 0);
    }

    /** Writes the session's MAC of a message to RAM. */
    void sessionMac(byte[] message, short at, short size, byte[] to, short toAt) {
        sign(session, message, at, size);
        Util.arrayCopyNonAtomic(whole, (short) 0, to, toAt, SIZE);
    }

    /** Returns whether {@code got} is the session's MAC of a message. */
    boolean sessionHolds(byte[] message, short at, short size, byte[] got, short gotAt) {
        sign(session, message, at, size);
        return equalsLast(got, gotAt);
    }

    /** Decrypts AES-128-CBC, zero IV, under a key derived as {@link #open} derives one. */
    void decrypt(
            byte[] key,
            short keyAt,
            byte label,
            byte[] context,
            short contextAt,
            short contextSize,
            byte[] data,
            short at,
            short size,
            byte[] to,
            short toAt) {
        derive(key, keyAt, label, context, contextAt, contextSize);
        once.setKey(whole, (short) 0);
        cipher.init(once, Cipher.MODE_DECRYPT);
        cipher.doFinal(data, at, size, to, toAt);
    }

    /** Leaves in {@code whole} CMAC(key, 01 | label | 00 | context | bits wanted 0080). */
    private void derive(
            byte[] key, short keyAt, byte label, byte[] context, short at, short size) {
        short end = 0;
        scratch[end++] = 1;
        end = Labels.putLabel(label, scratch, end);
        scratch[end++] = 0;
        end = Util.arrayCopyNonAtomic(context, at, scratch, end, size);
        end = Util.setShort(scratch, end, (short) 128);
        once.setKey(key, keyAt);
        sign(once, scratch, (short) 0, end);
    }

    /** Leaves the CMAC of a message in {@code whole}. */
    private void sign(AESKey key, byte[] message, short at, short size) {
        if (cmac == null) {
            signByBlocks(key, message, at, size);
        } else {
            cmac.init(key, Signature.MODE_SIGN);
            cmac.sign(message, at, size, whole, (short) 0);
        }
    }

    /** CMAC where the platform has none; a message may not lie in {@code whole}. */
    private void signByBlocks(AESKey key, byte[] message, short at, short size) {
        cipher.init(key, Cipher.MODE_ENCRYPT);
        Util.arrayFillNonAtomic(whole, (short) 0, BLOCK, (byte) 0);
        short left = size;
        short from = at;
        while (left > BLOCK) {
            mix(message, from, BLOCK);
            encryptBlock(whole);
            from = (short) (from + BLOCK);
            left = (short) (left - BLOCK);
        }
        mix(message, from, left);
        if (left < BLOCK) {
            whole[left] ^= (byte) 0x80;
        }
        // The subkey stands at the end of the scratch, where no derivation's message reaches.
        short subkey = (short) (SCRATCH - BLOCK);
        Util.arrayFillNonAtomic(scratch, subkey, BLOCK, (byte) 0);
        cipher.doFinal(scratch, subkey, BLOCK, scratch, subkey);
        doubled(scratch, subkey);
        if (left < BLOCK) {
            doubled(scratch, subkey);
        }
        mix(scratch, subkey, BLOCK);
        encryptBlock(whole);
    }

    private void mix(byte[] with, short at, short size) {
        for (short i = 0; i < size; i++) {
            whole[i] ^= with[(short) (at + i)];
        }
    }

    private void encryptBlock(byte[] block) {
        cipher.doFinal(block, (short) 0, BLOCK, block, (short) 0);
    }

    /** Doubles a block in the field of RFC 4493. */
    private static void doubled(byte[] block, short at) {
        short carry = 0;
        for (short i = (short) (BLOCK - 1); i >= 0; i--) {
            short value = (short) (block[(short) (at + i)] & 0xFF);
            block[(short) (at + i)] = (byte) (short) ((short) (value << 1) | carry);
            carry = (short) ((short) (value >> 7) & 1);
        }
        if (carry != 0) {
            block[(short) (at + BLOCK - 1)] ^= GALOIS_LAST;
        }
    }

    /** Compares with the last MAC; the time taken tells nothing. */
    private boolean equalsLast(byte[] got, short at) {
        byte wrong = 0;
        for (short i = 0; i < SIZE; i++) {
            wrong |= (byte) (whole[i] ^ got[(short) (at + i)]);
        }
        return wrong == 0;
    }

    private static AESKey key() {
        return (AESKey)
                KeyBuilder.buildKey(
                        KeyBuilder.TYPE_AES_TRANSIENT_DESELECT, KeyBuilder.LENGTH_AES_128, false);
    }

    private static Signature platformCmac() {
        try {
            return Signature.getInstance(Signature.ALG_AES_CMAC_128, false);
        } catch (CryptoException absent) {
            return null;
        }
    }
}
