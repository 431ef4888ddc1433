package id.jakartaone.card;

import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.HexFormat;
import javax.crypto.Cipher;
import javax.crypto.spec.SecretKeySpec;

/** The terminal's and issuer's side in tests: CMAC and derivation again, from the JDK's AES. */
final class Aes {
    private Aes() {}

    static byte[] cmac(byte[] key, byte[] message) {
        byte[] subkey = doubled(encrypt(key, new byte[16]));
        int blocks = Math.max(1, (message.length + 15) / 16);
        byte[] last = Arrays.copyOfRange(message, 16 * (blocks - 1), 16 * blocks);
        if (message.length != 16 * blocks) {
            last[message.length % 16] = (byte) 0x80;
            subkey = doubled(subkey);
        }
        byte[] chained = new byte[16];
        for (int i = 0; i < blocks - 1; i++) {
            byte[] block = Arrays.copyOfRange(message, 16 * i, 16 * i + 16);
            chained = encrypt(key, xor(chained, block));
        }
        return encrypt(key, xor(xor(chained, last), subkey));
    }

    static byte[] mac(byte[] key, byte[]... message) {
        return Arrays.copyOf(cmac(key, join(message)), 8);
    }

    static byte[] derive(byte[] key, String label, byte[] context) {
        return cmac(key, join(hex("01"), label.getBytes(), hex("00"), context, hex("0080")));
    }

    static byte[] encryptCbc(byte[] key, byte[] blocks) {
        byte[] chained = new byte[16];
        byte[] all = new byte[0];
        for (int at = 0; at < blocks.length; at += 16) {
            chained = encrypt(key, xor(chained, Arrays.copyOfRange(blocks, at, at + 16)));
            all = join(all, chained);
        }
        return all;
    }

    static byte[] join(byte[]... parts) {
        byte[] all = new byte[0];
        for (byte[] part : parts) {
            int at = all.length;
            all = Arrays.copyOf(all, at + part.length);
            System.arraycopy(part, 0, all, at, part.length);
        }
        return all;
    }

    static byte[] hex(String digits) {
        return HexFormat.of().parseHex(digits.replace(" ", ""));
    }

    static byte[] number(long value, int size) {
        byte[] bytes = new byte[size];
        for (int i = size - 1; i >= 0; i--) {
            bytes[i] = (byte) value;
            value >>= 8;
        }
        return bytes;
    }

    private static byte[] encrypt(byte[] key, byte[] block) {
        try {
            Cipher cipher = Cipher.getInstance("AES/ECB/NoPadding");
            cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(key, "AES"));
            return cipher.doFinal(block);
        } catch (GeneralSecurityException absent) {
            throw new AssertionError(absent);
        }
    }

    private static byte[] xor(byte[] a, byte[] b) {
        byte[] both = new byte[a.length];
        for (int i = 0; i < a.length; i++) {
            both[i] = (byte) (a[i] ^ b[i]);
        }
        return both;
    }

    private static byte[] doubled(byte[] block) {
        byte[] twice = new byte[16];
        for (int i = 0; i < 16; i++) {
            twice[i] = (byte) ((block[i] << 1) | (i < 15 ? (block[i + 1] & 0xFF) >> 7 : 0));
        }
        if (block[0] < 0) {
            twice[15] ^= (byte) 0x87;
        }
        return twice;
    }
}
