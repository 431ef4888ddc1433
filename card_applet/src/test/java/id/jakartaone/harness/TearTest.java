package id.jakartaone.harness;

import static id.jakartaone.harness.Cards.GONE;
import static id.jakartaone.harness.Cards.say;
import static id.jakartaone.harness.Cards.state;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TearTest {
    private static final String UPDATE = "80100000081112131415161718";
    private static final String ATOMIC = "80120000082122232425262728";
    private static final String BY_BYTES = "80140000082122232425262728";

    /** The states that a kind of card is left in by a tear at each write of a command. */
    private static Set<String> leftBy(Kind kind, String command, int point) {
        Set<String> left = new HashSet<>();
        for (int k = 1; ; k++) {
            CardSlot card = CardSlot.make(kind, 0).orElseThrow();
            card.tear(new Tear(point, k, false));
            if (!say(card, command).equals(GONE)) {
                return left;
            }
            left.add(state(card));
        }
    }

    private static String old() {
        return state(Cards.tiny());
    }

    private static String after(String command) {
        CardSlot card = Cards.tiny();
        say(card, command);
        return state(card);
    }

    @Test
    void aTearBeforeOrAtAnyWriteOfATransactionLeavesAllOld() {
        assertEquals(Set.of(old()), leftBy(Cards.TINY, UPDATE, Tear.BEFORE_WRITE));
        assertEquals(Set.of(old()), leftBy(Cards.TINY, UPDATE, Tear.AT_WRITE));
    }

    @Test
    void aTearInTheCommitLeavesAllOldAndOneBeforeTheAnswerAllNew() {
        assertEquals(Set.of(old()), leftBy(Cards.TINY, UPDATE, Tear.IN_COMMIT));
        assertEquals(Set.of(after(UPDATE)), leftBy(Cards.TINY, UPDATE, Tear.BEFORE_ANSWER));
    }

    @Test
    void withTheTransactionCallsTakenOutATearMixesOldAndNew() {
        Set<String> left = leftBy(Cards.WITHOUT_TRANSACTIONS, UPDATE, Tear.BEFORE_WRITE);
        assertEquals(5, left.size());
        left.remove(old());
        left.remove(after(UPDATE));
        assertEquals(4, left.size());
    }

    @Test
    void anArrayCopyOutsideATransactionIsAllOrNothing() {
        assertEquals(Set.of(old()), leftBy(Cards.TINY, ATOMIC, Tear.BEFORE_WRITE));
        assertEquals(Set.of(after(ATOMIC)), leftBy(Cards.TINY, ATOMIC, Tear.AT_WRITE));
    }

    @Test
    void aNonAtomicCopyIsTornBetweenAnyTwoBytes() {
        Set<String> left = leftBy(Cards.TINY, BY_BYTES, Tear.BEFORE_WRITE);
        assertEquals(8, left.size());
        assertTrue(left.contains(old()));
    }

    @Test
    void aSetShortOutsideATransactionIsTornAfterItsFirstByte() {
        CardSlot card = CardSlot.make(Cards.WITHOUT_TRANSACTIONS, 0).orElseThrow();
        card.tear(new Tear(Tear.AT_WRITE, 3, false));
        assertEquals(GONE, say(card, UPDATE));
        assertEquals("1112131415000007", say(card, "80240000").substring(0, 16));
    }

    @Test
    void aTornCardHasLostItsTransientMemoryAndItsSelection() {
        CardSlot card = Cards.tiny();
        say(card, "00A4040006" + Cards.SECOND);
        say(card, "80220000");
        card.tear(new Tear(Tear.AT_WRITE, 1, false));
        assertEquals(GONE, say(card, UPDATE));
        assertEquals("00000000000000070000" + "00000000" + "9000", say(card, "80240000"));
    }

    @Test
    void aTearFiresOnceAndWaitsForTheCommandThatReachesIt() {
        CardSlot card = Cards.tiny();
        card.tear(new Tear(Tear.BEFORE_WRITE, 2, false));
        assertEquals("9000", say(card, "8016000001AA"));
        assertEquals(GONE, say(card, "8016000001BB"));
        assertEquals("9000", say(card, "8016000001CC"));
    }

    @Test
    void aDisarmedTearNeverFires() {
        CardSlot card = Cards.tiny();
        card.tear(new Tear(Tear.BEFORE_WRITE, 1, false));
        card.tear(Tear.NEVER);
        assertEquals("9000", say(card, UPDATE));
    }

    @Test
    void anInterruptedWeakCellReadsOldOrNewUntilItIsWrittenAgain() {
        CardSlot card = Cards.tiny();
        card.tear(new Tear(Tear.AT_WRITE, 1, true));
        assertEquals(GONE, say(card, "8016000001AA"));
        Set<String> read = new HashSet<>();
        for (int time = 0; time < 64; time++) {
            read.add(say(card, "80240000").substring(0, 2));
        }
        assertEquals(Set.of("00", "aa"), read);
        say(card, "8016000001BB");
        read.clear();
        for (int time = 0; time < 64; time++) {
            read.add(say(card, "80240000").substring(0, 2));
        }
        assertEquals(Set.of("bb"), read);
    }

    @Test
    void aWeakCellThatWasRolledBackIsDecided() {
        CardSlot card = Cards.tiny();
        card.tear(new Tear(Tear.AT_WRITE, 2, true));
        assertEquals(GONE, say(card, UPDATE));
        for (int time = 0; time < 64; time++) {
            assertEquals("00", say(card, "80240000").substring(6, 8));
        }
    }

    @Test
    void aSeedTossesTheSameCoinsAgain() {
        String[] read = {"", ""};
        for (int run = 0; run < 2; run++) {
            CardSlot card = Cards.tiny();
            card.seed(new byte[] {1, 2, 3, 4, 5, 6, 7, 8});
            card.tear(new Tear(Tear.AT_WRITE, 1, true));
            say(card, "8016000001AA");
            for (int time = 0; time < 64; time++) {
                read[run] += say(card, "80240000").substring(0, 2);
            }
        }
        assertEquals(read[0], read[1]);
    }

    @Test
    void aCardTornDuringInstallIsNoCardAndTheNextOneIs() {
        int writes = Cards.tiny().counts()[0];
        assertTrue(writes > 10, "install has " + writes + " writes");
        for (int k = 1; k <= writes; k++) {
            assertTrue(CardSlot.make(Cards.TINY, k).isEmpty(), "write " + k);
        }
        assertTrue(CardSlot.make(Cards.TINY, writes + 1).isPresent());
        assertEquals("9000", say(Cards.tiny(), UPDATE));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void theApplicationsOfThisProjectCanBeTornAtEveryWriteOfTheirInstall(int kind) {
        CardSlot whole = CardSlot.make(Kind.numbered(kind), 0).orElseThrow();
        for (int k = 1; k <= whole.counts()[0]; k++) {
            assertTrue(CardSlot.make(Kind.numbered(kind), k).isEmpty(), "write " + k);
        }
        CardSlot next = CardSlot.make(Kind.numbered(kind), 0).orElseThrow();
        assertEquals(state(whole), state(next));
    }
}
