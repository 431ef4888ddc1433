package id.jakartaone.card;

import static id.jakartaone.card.Aes.hex;
import static id.jakartaone.card.Aes.join;
import static id.jakartaone.card.Aes.mac;
import static id.jakartaone.card.Aes.number;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The purse in the simulator, with a terminal and an issuer whose AES is the JDK's. */
class PurseTest {
    private static final byte[] RT = hex("A1A2A3A4A5A6A7A8");
    private static final byte[] TERMINAL = number(18, 4);
    private static final byte[] SAM = number(50_000_017, 4);
    private static final byte[] HEAD = hex("6979 4820 0065 00000001"); // seconds, place, counter
    private static final byte[] STATE = new byte[29];

    private final byte[][] keys = {key(1), key(2), key(3), key(4)};
    private TestCard card;
    private byte[] session;
    private byte[] encryption;

    @BeforeEach
    void issue() {
        card = new TestCard("F04A4B543101", PurseApplet.class);
        byte[] said =
                join(
                        hex("DA49DDFD600B0001 03F8 01 00 01 00 0000 FFFF"),
                        number(5, 4),
                        number(60_000, 4),
                        new byte[37]);
        card.ok(0x80, 0xE2, 0, 1, said);
        card.ok(0x80, 0xE2, 0, 2, keys);
        byte[] purses =
                join(
                        number(2_000_000, 4),
                        number(50_000, 4),
                        number(500_000, 4),
                        new byte[8],
                        hex("0007"),
                        new byte[30]);
        card.ok(0x80, 0xE2, 0x80, 3, purses);
        Arrays.fill(STATE, (byte) 0x5A);
    }

    @Test
    void aDebitChangesBalanceStateAndCounterAndProvesItself() {
        open(1, 1, 14_000);
        byte[] answer = order(0x42, 1, join(HEAD, STATE));
        assertEquals(46_000, numberAt(answer, 0));
        assertEquals(6, numberAt(answer, 4));
        byte[] part =
                join(
                        hex("01 02 03F8 DA49DDFD600B0001"),
                        number(6, 4),
                        hex("01 01 0065"),
                        number(14_000, 4),
                        number(46_000, 4),
                        hex("69794820"),
                        TERMINAL,
                        SAM,
                        number(1, 4),
                        STATE,
                        new byte[3]);
        assertEquals(76, part.length);
        assertArrayEquals(mac(keys[3], part), Arrays.copyOfRange(answer, 8, 16));

        byte[] said = card.select();
        assertEquals(46_000, numberAt(said, 22));
        assertEquals(1, said[26]); // not confirmed
        assertArrayEquals(STATE, Arrays.copyOfRange(said, 27, 56));
    }

    @Test
    void proofTellsTheDebitAgainAndTheLogHoldsIt() {
        open(1, 1, 14_000);
        byte[] debited = order(0x42, 0, HEAD);
        open(4, 1, 0);
        byte[] s2 = mac(session, hex("02 48 00"), number(6, 4));
        byte[] first = card.ok(0x80, 0x48, 0, 0, number(6, 4), s2);
        assertArrayEquals(first, card.ok(0x80, 0x48, 0, 0, number(6, 4), s2));
        assertArrayEquals(
                Arrays.copyOfRange(debited, 8, 16), Arrays.copyOfRange(first, 30, 38));
        byte[] one = mac(session, hex("02 4C 00"));
        byte[] entry = card.ok(0x80, 0x4C, 1, 0, one);
        assertArrayEquals(Arrays.copyOf(first, 30), Arrays.copyOf(entry, 30));
        card.refused("6A83", 0x80, 0x4C, 2, 0, one);
        card.refused("6985", 0x80, 0x4C, 1, 0, one); // an error ends the session
    }

    @Test
    void confirmServesOnceAndOnlyRightBehindTheDebit() {
        open(1, 1, 0);
        order(0x42, 0, HEAD);
        byte[] heard = mac(session, hex("04 4A 00"), number(6, 4));
        card.ok(0x80, 0x4A, 0, 0, heard);
        card.refused("6985", 0x80, 0x4A, 0, 0, heard);
        assertEquals(0, card.select()[26]);
        open(1, 1, 0);
        order(0x42, 0, HEAD);
        card.select();
        card.refused("6985", 0x80, 0x4A, 0, 0, mac(session, hex("04 4A 00"), number(7, 4)));
    }

    @Test
    void cancelPutsBalanceAndStateBack() {
        open(1, 1, 14_000);
        order(0x42, 1, join(HEAD, STATE));
        openRefused("6A88", 3, 1, 13_999);
        open(3, 1, 14_000);
        byte[] answer = order(0x46, 0, HEAD);
        assertEquals(60_000, numberAt(answer, 0));
        assertEquals(7, numberAt(answer, 4));
        assertArrayEquals(new byte[29], Arrays.copyOfRange(card.select(), 27, 56));
        openRefused("6A88", 3, 1, 14_000);
    }

    @Test
    void aReservedLoadIsCommittedOnceAndOnlyAsReserved() {
        open(2, 1, 50_000);
        byte[] reserved = order(0x44, 1, HEAD);
        assertEquals(60_000, numberAt(reserved, 0));
        assertArrayEquals(new byte[8], Arrays.copyOfRange(reserved, 8, 16));
        assertEquals(2, card.select()[26]);
        open(2, 1, 40_000);
        orderRefused("6A88", 0x44, 2, HEAD);
        open(2, 1, 50_000);
        assertEquals(110_000, numberAt(order(0x44, 2, HEAD), 0));
        assertEquals(1, card.select()[26]);
        open(2, 1, 50_000);
        orderRefused("6A88", 0x44, 2, HEAD);
    }

    @Test
    void aRestrictedPurseIsSpentOnItsCategoriesAlone() {
        open(1, 2, 20_000);
        orderRefused("9404", 0x42, 0, join(HEAD, hex("0001 0008")));
        open(1, 2, 20_000);
        orderRefused("9404", 0x42, 0, join(HEAD, hex("0001 0000")));
        open(1, 2, 20_000);
        assertEquals(30_000, numberAt(order(0x42, 0, join(HEAD, hex("0001 0007"))), 0));
        assertEquals(60_000, numberAt(card.select(), 22));
        openRefused("6A86", 1, 3, 0); // its limit is 0
    }

    @Test
    void amountsAreHeldToBalanceAndLimitWithoutOverflow() {
        openRefused("9401", 1, 1, 60_001);
        openRefused("9401", 1, 1, 0x8000_0000L);
        openRefused("9402", 2, 1, 1_940_001);
        openRefused("9402", 2, 1, 0xFFFF_FFFFL);
        open(2, 1, 1_940_000);
    }

    @Test
    void fifteenWrongMacsCloseThePurseAndTheIssuerOpensItAgain() {
        for (int i = 0; i < 15; i++) {
            open(1, 1, 0);
            card.refused("6988", 0x80, 0x42, 0, 0, HEAD, new byte[8]);
        }
        openRefused("6983", 1, 1, 0);
        open(6, 1, 0);
        order(0x4E, 2, new byte[0]);
        open(1, 1, 0);
    }

    @Test
    void blockedCardsMoveNoValue() {
        open(1, 1, 0);
        order(0x4E, 1, hex("03"));
        assertEquals(3, card.select()[11]);
        open(1, 1, 0);
        orderRefused("6283", 0x42, 0, HEAD);
    }

    @Test
    void putKeyReplacesAllFourKeysAtOnce() {
        byte[][] fresh = {key(11), key(12), key(13), key(14)};
        open(6, 1, 0);
        orderRefused("6A80", 0x52, 0, join(hex("01"), Aes.encryptCbc(encryption, join(fresh))));
        open(6, 1, 0);
        order(0x52, 0, join(hex("02"), Aes.encryptCbc(encryption, join(fresh))));
        System.arraycopy(fresh, 0, keys, 0, 4);
        assertEquals(2, card.select()[12]);
        open(1, 1, 14_000);
        order(0x42, 0, HEAD);
    }

    @Test
    void noBlockIsTakenOnceTheCardIsIssued() {
        card.refused("6985", 0x80, 0xE2, 0, 1, new byte[63]);
        TestCard raw = new TestCard("F04A4B543101", PurseApplet.class);
        raw.refused("6985", 0, 0xA4, 4, 0, hex("F04A4B543101"));
        raw.refused("6700", 0x80, 0xE2, 0, 1, new byte[62]);
        raw.refused("6A86", 0x80, 0xE2, 0, 4, new byte[52]);
        raw.refused("6985", 0x80, 0xE2, 0x80, 3, new byte[52]); // blocks 1 and 2 are missing
        raw.refused("6985", 0x80, 0x40, 1, 1, new byte[20]);
        raw.refused("6D00", 0x80, 0xB0, 1, 1);
        raw.refused("6E00", 0x84, 0x40, 1, 1);
    }

    @Test
    void theLogKeepsTenOfThirteen() {
        for (int i = 1; i <= 13; i++) {
            open(1, 1, i);
            order(0x42, 0, HEAD);
        }
        open(4, 1, 0);
        for (int record = 1; record <= 10; record++) {
            byte[] entry = card.ok(0x80, 0x4C, record, 0, mac(session, hex("02 4C 00")));
            assertEquals(19 - record, numberAt(entry, 0));
            assertEquals(14 - record, numberAt(entry, 8));
        }
        card.refused("6A86", 0x80, 0x4C, 11, 0, mac(session, hex("02 4C 00")));
    }

    @Test
    void twoSessionsNeverHaveTheSameChallenge() {
        byte[] first = open(1, 1, 0);
        byte[] second = open(1, 1, 0);
        assertFalse(Arrays.equals(Arrays.copyOf(first, 8), Arrays.copyOf(second, 8)));
    }

    @Test
    void powerLossAndSelectEndASession() {
        open(1, 1, 0);
        card.reset();
        orderRefused("6985", 0x42, 0, HEAD);
        open(1, 1, 0);
        card.select();
        orderRefused("6985", 0x42, 0, HEAD);
    }

    /** Opens a session, checks S1 and derives its keys; returns INIT's answer. */
    private byte[] open(int mode, int purse, long amount) {
        byte[] said = card.select();
        byte[] data = join(number(amount, 4), TERMINAL, SAM, RT);
        byte[] answer = card.ok(0x80, 0x40, mode, purse, data);
        byte[] context = join(Arrays.copyOf(answer, 8), RT, Arrays.copyOfRange(answer, 8, 12));
        context = join(context, TERMINAL);
        byte[] from = mode == 2 ? keys[1] : mode == 6 ? keys[2] : keys[0];
        session = Aes.derive(from, "JK1 session MAC", context);
        encryption = Aes.derive(from, "JK1 session ENC", context);
        byte[] head = {1, (byte) mode, (byte) purse};
        assertArrayEquals(
                mac(session, head, said, data, Arrays.copyOf(answer, 18)),
                Arrays.copyOfRange(answer, 18, 26));
        return answer;
    }

    private void openRefused(String status, int mode, int purse, long amount) {
        card.select();
        byte[] data = join(number(amount, 4), TERMINAL, SAM, RT);
        card.refused(status, 0x80, 0x40, mode, purse, data);
    }

    /** Sends an order with its S2 and checks S3. */
    private byte[] order(int ins, int parameter, byte[] body) {
        byte[] answer = card.ok(0x80, ins, 0, parameter, body, orderMac(ins, parameter, body));
        int told = answer.length - 8;
        assertArrayEquals(
                mac(session, new byte[] {3, (byte) ins}, Arrays.copyOf(answer, told)),
                Arrays.copyOfRange(answer, told, answer.length));
        return answer;
    }

    private void orderRefused(String status, int ins, int parameter, byte[] body) {
        card.refused(status, 0x80, ins, 0, parameter, body, orderMac(ins, parameter, body));
    }

    private byte[] orderMac(int ins, int parameter, byte[] body) {
        return mac(session, new byte[] {2, (byte) ins, (byte) parameter}, body);
    }

    private static long numberAt(byte[] bytes, int at) {
        return java.nio.ByteBuffer.wrap(bytes).getInt(at) & 0xFFFF_FFFFL;
    }

    private static byte[] key(int which) {
        byte[] key = new byte[16];
        Arrays.fill(key, (byte) which);
        return key;
    }
}
