package id.jakartaone.card;

import static id.jakartaone.card.Aes.hex;
import static id.jakartaone.card.Aes.join;
import static id.jakartaone.card.Aes.mac;
import static id.jakartaone.card.Aes.number;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The SAM in the simulator, against a purse in another: two applets that share no session. */
class SamTest {
    private static final byte[] SAM = number(50_000_017, 4);
    private static final byte[] TERMINAL = number(18, 4);
    private static final byte[] WHEN_AND_WHERE = hex("69794820 0065");
    private static final byte[] RECEIPT_KEY = hex("00112233445566778899AABBCCDDEEFF");
    private static final byte[] MASTER = hex("0F0E0D0C0B0A09080706050403020100");
    private static final byte[] CARD = hex("DA49DDFD600B0001");
    private static final int MAY_DEBIT_AND_TRANSIT = 3;

    private TestCard sam;
    private TestCard purse;

    @BeforeEach
    void issue() {
        sam = samWith(100_000, 41);
        purse = new TestCard("F04A4B543101", PurseApplet.class);
        byte[] said =
                join(CARD, hex("03F8 01 00 01 00 0000 FFFF 00000005"), number(900_000, 4));
        purse.ok(0x80, 0xE2, 0, 1, said, new byte[37]);
        byte[] input = join(hex("01"), CARD, hex("F04A4B543101 03F8 01 01"));
        purse.ok(0x80, 0xE2, 0, 2, Aes.cmac(MASTER, input), new byte[48]);
        byte[] limits = join(number(2_000_000, 4), number(50_000, 4), number(50_000, 4));
        purse.ok(0x80, 0xE2, 0x80, 3, limits, new byte[8], hex("0007"), new byte[30]);
    }

    @Test
    void aWholeDebitGoesThroughFromChallengeToConfirm() {
        byte[] state = new byte[29];
        Arrays.fill(state, (byte) 7);
        byte[] given = sam.ok(0x80, 0x22, 0x42, 1, shown(1, 1, 14_000), WHEN_AND_WHERE, state);
        assertEquals(42, at(given, 0));
        byte[] counter = Arrays.copyOf(given, 4);
        byte[] s2 = Arrays.copyOfRange(given, 4, 12);
        byte[] answer = purse.ok(0x80, 0x42, 0, 1, WHEN_AND_WHERE, counter, state, s2);
        byte[] heard = sam.ok(0x80, 0x24, 0x42, 1, answer);
        purse.ok(0x80, 0x4A, 0, 0, heard);
        assertEquals(0, purse.select()[26]);
        assertEquals(886_000, at(purse.select(), 22));
        sam.refused("6985", 0x80, 0x24, 0x42, 1, answer); // an order is confirmed once
    }

    @Test
    void aRestrictedPurseHearsTheMerchantFromTheSam() {
        byte[] given = sam.ok(0x80, 0x22, 0x42, 0x10, shown(1, 2, 5_000), WHEN_AND_WHERE);
        assertArrayEquals(hex("0021 0007"), Arrays.copyOfRange(given, 4, 8));
        byte[] answer = purse.ok(0x80, 0x42, 0, 0, WHEN_AND_WHERE, given);
        assertEquals(45_000, at(answer, 0));
        sam.ok(0x80, 0x24, 0x42, 0, answer);
    }

    @Test
    void aChallengeServesOnceAndACounterMovesOnlyWithAnOrder() {
        byte[] shown = shown(1, 1, 0);
        assertEquals(41, at(sam.ok(0x80, 0x22, 0, 0, shown), 0));
        sam.refused("6985", 0x80, 0x22, 0, 0, shown);
        byte[] wrong = shown(1, 1, 0);
        wrong[108] ^= 1;
        sam.refused("6988", 0x80, 0x22, 0x42, 0, wrong, WHEN_AND_WHERE);
        assertEquals(41, at(sam.select(), 9));
    }

    @Test
    void itSignsNoStateThatItMayNotSet() {
        byte[] shown = shown(1, 1, 0);
        sam.refused("6982", 0x80, 0x22, 0x42, 2, shown, WHEN_AND_WHERE, new byte[7]);
        sam.refused("6982", 0x80, 0x22, 0x44, 0, shown, WHEN_AND_WHERE);
        sam.refused("6A86", 0x80, 0x22, 0x42, 0x11, shown, WHEN_AND_WHERE, new byte[29]);
        sam.refused("6A86", 0x80, 0x22, 0x48, 0x10, shown, new byte[4]);
        sam.refused("6A86", 0x80, 0x22, 0x4E, 0, shown, new byte[1]);
    }

    @Test
    void theCeilingStopsItUntilAReceiptHasTakenSomeOff() {
        sam.ok(0x80, 0x22, 0x42, 0, shown(1, 1, 100_000), WHEN_AND_WHERE);
        sam.refused("9405", 0x80, 0x22, 0x42, 0, shown(1, 1, 1), WHEN_AND_WHERE);
        assertEquals(42, at(sam.select(), 9));
        assertEquals(100_000, at(sam.select(), 13));
        byte[] receipt = join(number(1, 4), number(60_000, 4));
        byte[] seal = mac(RECEIPT_KEY, "JK1 receipt".getBytes(), SAM, receipt);
        sam.refused("6988", 0x80, 0x26, 0, 0, receipt, new byte[8]);
        assertEquals(40_000, at(sam.ok(0x80, 0x26, 0, 0, receipt, seal), 0));
        sam.refused("6985", 0x80, 0x26, 0, 0, receipt, seal); // a receipt serves once
        receipt = join(number(2, 4), number(40_001, 4));
        seal = mac(RECEIPT_KEY, "JK1 receipt".getBytes(), SAM, receipt);
        sam.refused("6A80", 0x80, 0x26, 0, 0, receipt, seal);
        sam.ok(0x80, 0x22, 0x42, 0, shown(1, 1, 60_000), WHEN_AND_WHERE);
    }

    @Test
    void theCounterEndsAndDoesNotBeginAgain() {
        sam = samWith(0, 0xFFFF_FFFEL);
        sam.ok(0x80, 0x22, 0x42, 0, shown(1, 1, 500_000), WHEN_AND_WHERE);
        sam.refused("6900", 0x80, 0x22, 0x42, 0, shown(1, 1, 0), WHEN_AND_WHERE);
        assertEquals(0, at(sam.select(), 13)); // without a ceiling nothing is added up
    }

    @Test
    void itIsIssuedWithOneKeySetAtLeast() {
        TestCard raw = new TestCard("F04A4B543153", SamApplet.class);
        raw.refused("6985", 0x80, 0xE2, 0x80, 1, new byte[37]);
        raw.refused("6985", 0x80, 0x20, 0, 0);
        raw.ok(0x80, 0xE2, 0, 17, new byte[20]);
        raw.ok(0x80, 0xE2, 0x80, 1, new byte[37]);
        raw.ok(0x80, 0x20, 0, 0);
        raw.refused("6985", 0x80, 0xE2, 0, 2, new byte[20]);
    }

    /** Lets SAM and purse open a session; returns all that the purse said. */
    private byte[] shown(int mode, int number, long amount) {
        byte[] said = purse.select();
        byte[] rt = Arrays.copyOf(sam.ok(0x80, 0x20, 0, 0), 8);
        byte[] data = join(number(amount, 4), TERMINAL, SAM, rt);
        return join(said, data, purse.ok(0x80, 0x40, mode, number, data));
    }

    private static TestCard samWith(long ceiling, long counter) {
        TestCard made = new TestCard("F04A4B543153", SamApplet.class);
        byte[] may = number(MAY_DEBIT_AND_TRANSIT, 1);
        byte[] own = join(SAM, TERMINAL, may, hex("0021 0007"), number(ceiling, 4));
        made.ok(0x80, 0xE2, 0, 1, own, number(counter, 4), RECEIPT_KEY);
        made.ok(0x80, 0xE2, 0x80, 2, hex("03F8 01 01"), MASTER);
        return made;
    }

    private static long at(byte[] bytes, int at) {
        return java.nio.ByteBuffer.wrap(bytes).getInt(at) & 0xFFFF_FFFFL;
    }
}
