package id.jakartaone.harness;

import static id.jakartaone.harness.Cards.say;
import static id.jakartaone.harness.Cards.state;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import org.junit.jupiter.api.Test;

class TransactionTest {
    private static final String UPDATE = "80100000081112131415161718";
    private final CardSlot card = Cards.tiny();
    private final String before = state(card);

    @Test
    void aCommittedTransactionStays() {
        assertEquals("9000", say(card, UPDATE));
        assertEquals("11121314151600071718" + "00000000" + "9000", say(card, "80240000"));
    }

    @Test
    void countsTellWritesCommitsJournalledBytesAndWritesOutside() {
        say(card, UPDATE);
        assertArrayEquals(new int[] {5, 1, 3 + 1 + 2 + 2 + 1, 0}, card.counts());
        say(card, "8016000001AA");
        assertArrayEquals(new int[] {1, 0, 0, 1}, card.counts());
        say(card, "80240000");
        assertArrayEquals(new int[] {0, 0, 0, 0}, card.counts());
    }

    @Test
    void moreThanTheCommitCapacityIsRefusedAndRolledBack() {
        assertEquals("6f00", say(card, "80180000"));
        assertEquals(before, state(card));
        assertEquals(Memory.CAPACITY, card.counts()[2]);
    }

    @Test
    void anExceptionOutOfATransactionRollsItBack() {
        assertEquals("6f00", say(card, "801A0000"));
        assertEquals(before, state(card));
    }

    @Test
    void aTransactionInATransactionIsRefusedAndRolledBack() {
        assertEquals("6f00", say(card, "801C0000"));
        assertEquals(before, state(card));
    }

    @Test
    void aTransactionLeftOpenIsRolledBackWhenTheCommandEnds() {
        assertEquals("9000", say(card, "801E0000"));
        assertEquals(before, state(card));
        assertEquals("9000", say(card, UPDATE));
    }

    @Test
    void aNonAtomicCopyTakesNoPartInTheTransactionAroundIt() {
        assertEquals("9000", say(card, "80140000082122232425262728"));
        assertNotEquals(before, state(card));
        assertArrayEquals(new int[] {8, 0, 0, 8}, card.counts());
    }

    @Test
    void aRefusalAfterTheCommitKeepsWhatWasCommitted() {
        assertEquals("6a80", say(card, "802600000155"));
        assertEquals("55", say(card, "80240000").substring(0, 2));
    }
}
