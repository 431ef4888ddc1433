package id.jakartaone.card;

import static id.jakartaone.card.Aes.hex;
import static id.jakartaone.card.Aes.join;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Both ways to a CMAC, the platform's and the one from single blocks, against public vectors. */
class MacTest {
    private static final Path VECTORS = Path.of("..", "vectors");
    private static final byte[] KEY = hex("2b7e151628aed2a6abf7158809cf4f3c");

    private final List<Mac> ways = List.of(new Mac(true), new Mac(false));

    @Test
    void cmacsAreThoseOfRfc4493() throws IOException {
        for (String[] row : rows("cmac.csv")) {
            assertCmac(hex(row[1]), hex(row[2]), hex(row[3]), row[0]);
        }
    }

    @Test
    void derivedKeysAreThoseOfSp800_108() throws IOException {
        for (String[] row : rows("kdf.csv")) {
            byte[] derived = hex(row[4]);
            if (row[1].equals("8") && derived.length <= 16) {
                assertCmac(hex(row[2]), join(hex("01"), hex(row[3])), derived, row[0]);
            }
        }
    }

    @Test
    void everyLengthUpToAnAuthenticateGivesTheSameBothWays() {
        for (int size = 0; size < 150; size++) {
            byte[] message = new byte[size];
            Arrays.fill(message, (byte) size);
            assertCmac(KEY, message, Aes.cmac(KEY, message), size + " bytes");
        }
    }

    @Test
    void aSessionsKeyIsDerivedFromLabelAndContext() {
        byte[] context = new byte[24];
        Arrays.fill(context, (byte) 9);
        byte[] message = hex("0102030405");
        byte[] expected = Aes.mac(Aes.derive(KEY, "JK1 session MAC", context), message);
        for (Mac way : ways) {
            byte[] got = new byte[8];
            way.open(KEY, (short) 0, Labels.SESSION_MAC, context, (short) 0, (short) 24);
            way.sessionMac(message, (short) 0, (short) 5, got, (short) 0);
            assertArrayEquals(expected, got);
        }
    }

    @Test
    void everyWrongBitOfAMacIsSeen() {
        byte[] message = hex("00112233");
        for (Mac way : ways) {
            byte[] got = Aes.mac(KEY, message);
            assertTrue(way.holds(KEY, (short) 0, message, (short) 0, (short) 4, got, (short) 0));
            for (int bit = 0; bit < 64; bit++) {
                got[bit / 8] ^= (byte) (1 << bit % 8);
                assertFalse(
                        way.holds(KEY, (short) 0, message, (short) 0, (short) 4, got, (short) 0));
                got[bit / 8] ^= (byte) (1 << bit % 8);
            }
        }
    }

    private void assertCmac(byte[] key, byte[] message, byte[] expected, String what) {
        for (Mac way : ways) {
            byte[] got = new byte[16];
            way.cmac(key, (short) 0, message, (short) 0, (short) message.length, got, (short) 0);
            assertArrayEquals(expected, Arrays.copyOf(got, expected.length), what);
        }
    }

    private static List<String[]> rows(String name) throws IOException {
        return Files.readAllLines(VECTORS.resolve(name)).stream()
                .skip(1)
                .map(line -> line.split(",", -1))
                .toList();
    }
}
