package id.jakartaone.card;

import static id.jakartaone.card.Aes.hex;
import static id.jakartaone.card.Aes.join;
import static id.jakartaone.card.Aes.mac;
import static id.jakartaone.card.Aes.number;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The identity in the simulator, with relying parties whose AES is the JDK's. */
class IdentityTest {
    private static final byte[] REFERENCE = hex("101112131415161718191A1B1C1D1E1F");
    private static final byte[] PHOTO = new byte[32];
    private static final byte[] RT = hex("A1A2A3A4A5A6A7A8");
    private static final int GROCER = 7; // may ask for the age and its pseudonym
    private static final int OFFICE = 9; // may ask for everything but a pseudonym

    private TestCard card;
    private byte[] session;

    @BeforeEach
    void issue() {
        Arrays.fill(PHOTO, (byte) 0xF0);
        card = new TestCard("F04A4B543102", IdentityApplet.class);
        card.ok(0x80, 0xE2, 0, 1, REFERENCE, hex("01 0C1E 05 5A5A"), PHOTO);
        card.ok(0x80, 0xE2, 0, 2, number(GROCER, 2), hex("81"), key(GROCER), key(70));
        card.ok(0x80, 0xE2, 0x80, 3, number(OFFICE, 2), hex("0F"), key(OFFICE), key(90));
    }

    @Test
    void whoHasNoRowLearnsThatACardIsThere() {
        assertArrayEquals(hex("01"), card.select());
        card.ok(0x80, 0x30, 0, 0, number(8, 2), RT);
        card.refused("6988", 0x80, 0x32, 1, 0, new byte[8]);
    }

    @Test
    void aPartyIsToldTheAttributesOfItsRow() {
        open(OFFICE);
        assertTold("01", 1);
        assertTold("0C1E", 2);
        assertTold("05 5A5A", 3);
        assertArrayEquals(PHOTO, told(0x32, 4));
        card.refused("6982", 0x80, 0x34, 0, 0, orderMac(0x34, 0));
        open(GROCER);
        assertTold("01", 1);
        card.refused("6982", 0x80, 0x32, 2, 0, orderMac(0x32, 2));
        card.refused("6985", 0x80, 0x32, 1, 0, orderMac(0x32, 1)); // an error ends the session
        card.refused("6A86", 0x80, 0x32, 5, 0, new byte[8]);
    }

    @Test
    void aPseudonymIsThePartysOwnAndStays() {
        open(GROCER);
        byte[] first = told(0x34, 0);
        assertArrayEquals(Aes.cmac(key(70), REFERENCE), first);
        card.reset();
        open(GROCER);
        assertArrayEquals(first, told(0x34, 0));
        assertFalse(Arrays.equals(first, Aes.cmac(key(90), REFERENCE)));
    }

    @Test
    void wrongMacsAreRefusedHoweverManyCome() {
        for (int i = 0; i < 300; i++) {
            open(OFFICE);
            card.refused("6988", 0x80, 0x32, 1, 0, new byte[8]);
        }
        open(OFFICE);
        assertTold("01", 1);
    }

    private void open(int party) {
        card.select();
        byte[] asked = join(number(party, 2), RT);
        byte[] answer = card.ok(0x80, 0x30, 0, 0, asked);
        byte[] rc = Arrays.copyOf(answer, 8);
        session = Aes.derive(key(party), "JK1 identity MAC", join(rc, RT, number(party, 2)));
        assertArrayEquals(
                mac(session, hex("01"), asked, rc), Arrays.copyOfRange(answer, 8, 16));
    }

    private void assertTold(String value, int attribute) {
        assertArrayEquals(hex(value), told(0x32, attribute));
    }

    /** Asks for an attribute or the pseudonym, and checks S3. */
    private byte[] told(int ins, int attribute) {
        byte[] answer = card.ok(0x80, ins, attribute, 0, orderMac(ins, attribute));
        byte[] value = Arrays.copyOf(answer, answer.length - 8);
        assertArrayEquals(
                mac(session, new byte[] {3, (byte) ins, (byte) attribute}, value),
                Arrays.copyOfRange(answer, value.length, answer.length));
        return value;
    }

    private byte[] orderMac(int ins, int attribute) {
        return mac(session, new byte[] {2, (byte) ins, (byte) attribute});
    }

    private static byte[] key(int which) {
        byte[] key = new byte[16];
        Arrays.fill(key, (byte) which);
        return key;
    }
}
