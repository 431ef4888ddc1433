package id.jakartaone.harness;

import static id.jakartaone.harness.Cards.say;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PlatformTest {
    private static final String HELD = "80240000";
    private final CardSlot card = Cards.tiny();

    private String ram() {
        return say(card, HELD).substring(20, 24);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "80", "802400", "8010000000AA", "801000000211", "801000000111AABB",
        "80100000000001AA"})
    void whatIsNoShortCommandIsAnsweredByThePlatform(String command) {
        say(card, "80220000");
        assertEquals("6700", say(card, command));
        assertEquals("0101", ram());
    }

    @ParameterizedTest
    @ValueSource(strings = {"80220000", "8022000000", "8022000001AA", "8022000001AA00"})
    void everyFormOfAShortCommandReachesTheApplet(String command) {
        assertEquals("9000", say(card, command));
        assertEquals("0101", ram());
    }

    @Test
    void theLongestShortCommandReachesTheAppletWithAndWithoutLe() {
        String longest = "80220000FF" + "AA".repeat(255);
        assertEquals("9000", say(card, longest));
        assertEquals("9000", say(card, longest + "00"));
        assertEquals("6700", say(card, longest + "0000"));
    }

    @Test
    void theFirstApplicationIsCurrentAfterResetAndNeedsNoSelect() {
        say(card, "8016000001AA");
        say(card, "00A4040006" + Cards.SECOND);
        assertEquals("00", say(card, HELD).substring(0, 2));
        card.reset();
        assertEquals("aa", say(card, HELD).substring(0, 2));
    }

    @Test
    void selectingTheOtherApplicationClearsWhatIsClearedOnDeselect() {
        say(card, "80220000");
        assertEquals("9000", say(card, "00A4040006" + Cards.SECOND + "00"));
        assertEquals("9000", say(card, "00A4040006" + Cards.FIRST));
        assertEquals("0001", ram());
    }

    @Test
    void aResetClearsAllTransientMemory() {
        say(card, "80220000");
        card.reset();
        assertEquals("0000", ram());
    }

    @ParameterizedTest
    @ValueSource(strings = {"00A4040005F04A4B5431", "00A4040007F04A4B54317F00", "00A40400",
        "00A4040C06F04A4B54317F", "00A4000002AABB", "00A404000100"})
    void aSelectOfAnythingElseGoesToTheCurrentApplication(String command) {
        say(card, "80220000");
        assertEquals("6a82", say(card, command));
        assertEquals("0101", ram());
    }

    @Test
    void twoCardsShareNothing() {
        CardSlot other = Cards.tiny();
        say(card, "8016000001AA");
        say(card, "80220000");
        assertEquals("0000000000000007000000000000" + "9000", say(other, HELD));
        assertEquals("aa00000000000007000001010000" + "9000", say(card, HELD));
    }

    @Test
    void aCopyHasThePersistentBytesAndNothingElse() {
        say(card, "80100000081112131415161718");
        say(card, "80220000");
        CardSlot copy = card.copy();
        assertArrayEquals(card.state(), copy.state());
        assertEquals("11121314151600071718" + "00000000" + "9000", say(copy, HELD));
        say(copy, "8016000001AA");
        assertEquals("11", say(card, HELD).substring(0, 2));
    }

    @Test
    void seededRandomBytesAreTheHashOfSeedAndCounter() throws Exception {
        byte[] seed = {8, 7, 6, 5, 4, 3, 2, 1};
        card.seed(seed);
        for (byte counter = 0; counter < 3; counter++) {
            MessageDigest sha = MessageDigest.getInstance("SHA-256");
            sha.update(seed);
            byte[] expected = Arrays.copyOf(sha.digest(new byte[] {0, 0, 0, counter}), 8);
            assertEquals(HexFormat.of().formatHex(expected) + "9000", say(card, "80200000"));
        }
    }

    @Test
    void unseededCardsDrawDifferentBytes() {
        CardSlot other = Cards.tiny();
        assertNotEquals(say(card, "80200000"), say(other, "80200000"));
        card.seed(new byte[8]);
        String seeded = say(card, "80200000");
        card.seed(new byte[0]);
        assertNotEquals(seeded, say(card, "80200000"));
    }
}
