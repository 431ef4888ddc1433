package id.jakartaone.card;

import static id.jakartaone.card.Aes.hex;
import static id.jakartaone.card.Aes.join;
import static id.jakartaone.card.Aes.number;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Both ways to a CMAC, the platform's and the one from single blocks, against public vectors. */
class MacTest {
    private static final byte[] KEY = hex("2b7e151628aed2a6abf7158809cf4f3c");

    private final List<Mac> ways = List.of(new Mac(true), new Mac(false));

    @Test
    void cmacsAreThoseOfRfc4493() throws IOException {
        for (Vector row : Vector.all("cmac.csv")) {
            assertCmac(row.hex("key"), row.hex("message"), row.hex("mac"), row.name());
        }
    }

    @Test
    void derivedKeysAreThoseOfSp800_108() throws IOException {
        for (Vector row : Vector.all("kdf.csv")) {
            byte[] derived = row.hex("derived");
            if (row.number("counter_bits") == 8 && derived.length <= 16) {
                byte[] message = join(hex("01"), row.hex("fixed_input"));
                assertCmac(row.hex("key"), message, derived, row.name());
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
    void everyStepOfACardsSessionsIsThatOfTheVectors() throws IOException {
        for (Vector row : Vector.all("card_session.csv")) {
            byte[] nt = number(row.number("nt"), 4);
            byte[] terminal = number(row.number("terminal"), 4);
            byte[] context = join(row.hex("rc"), row.hex("rt"), nt, terminal);
            byte[] ins = row.hex("ins");
            byte[] head = join(number(row.number("mode"), 1), number(row.number("purse"), 1));
            byte[] shown = join(row.hex("selected"), row.hex("init_data"), row.hex("init_answer"));
            byte[] answer = row.hex("answer");
            for (Mac way : ways) {
                way.open(
                        row.hex("card_key"), (short) 0,
                        Labels.SESSION_MAC, context, (short) 0, (short) 24);
                assertStep(way, row, "s1", hex("01"), head, shown);
                byte[] p2 = number(row.number("p2"), 1);
                assertStep(way, row, "s2", hex("02"), ins, p2, row.hex("order"));
                assertStep(way, row, "s3", hex("03"), ins, answer);
                if (row.has("s4")) {
                    byte[] after = Arrays.copyOfRange(answer, 4, 8);
                    assertStep(way, row, "s4", hex("044A00"), after);
                    assertCmac(
                            row.hex("tac_key"), row.hex("card_part"), row.hex("tac"), row.name());
                }
                if (row.has("keys")) {
                    byte[] got = new byte[64];
                    byte[] came = row.hex("keys_encrypted");
                    way.decrypt(
                            row.hex("card_key"), (short) 0,
                            Labels.SESSION_ENC, context, (short) 0, (short) 24,
                            came, (short) 0, (short) 64, got, (short) 0);
                    assertArrayEquals(row.hex("keys"), got, row.name());
                }
            }
        }
    }

    @Test
    void everyStepOfAnIdentitysSessionsIsThatOfTheVectors() throws IOException {
        for (Vector row : Vector.all("identity.csv")) {
            byte[] party = number(row.number("party"), 2);
            byte[] context = join(row.hex("rc"), row.hex("rt"), party);
            byte[] what = join(row.hex("ins"), number(row.number("p1"), 1));
            for (Mac way : ways) {
                way.open(
                        row.hex("authentication_key"), (short) 0,
                        Labels.IDENTITY_MAC, context, (short) 0, (short) 18);
                assertStep(way, row, "s1", hex("01"), party, row.hex("rt"), row.hex("rc"));
                assertStep(way, row, "s2", hex("02"), what);
                assertStep(way, row, "s3", hex("03"), what, row.hex("value"));
            }
        }
    }

    @Test
    void receiptsAreThoseOfTheVectors() throws IOException {
        for (Vector row : Vector.all("sam_receipt.csv")) {
            byte[] label = new byte[11];
            assertEquals(11, Labels.putReceipt(label, (short) 0));
            byte[] sam = number(row.number("sam"), 4);
            byte[] rest = join(number(row.number("number"), 4), number(row.number("amount"), 4));
            assertCmac(
                    row.hex("receipt_key"), join(label, sam, rest), row.hex("mac"), row.name());
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

    private static void assertStep(Mac way, Vector row, String step, byte[]... parts) {
        byte[] message = join(parts);
        byte[] got = new byte[8];
        way.sessionMac(message, (short) 0, (short) message.length, got, (short) 0);
        assertArrayEquals(row.hex(step), got, () -> row.name() + ": " + step);
    }

    private void assertCmac(byte[] key, byte[] message, byte[] expected, String what) {
        for (Mac way : ways) {
            byte[] got = new byte[16];
            way.cmac(key, (short) 0, message, (short) 0, (short) message.length, got, (short) 0);
            assertArrayEquals(expected, Arrays.copyOf(got, expected.length), what);
        }
    }
}
