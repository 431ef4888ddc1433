package id.jakartaone.card;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

/** Four-byte arithmetic against Java's own, at every border that a byte or a sign makes. */
class RupiahTest {
    private static final long MOST = 0xFFFF_FFFFL;
    private static final long[] BORDERS = {
        0, 1, 127, 128, 255, 256, 32_767, 32_768, 65_535, 65_536, 14_000, 2_000_000, 10_000_000,
        0x7FFF_FFFFL, 0x8000_0000L, 0x8000_0001L, 0xFFFF_FF00L, 0xFFFF_FFFEL, MOST
    };

    @Test
    void sumsDifferencesAndOrderAreThoseOfWideIntegers() {
        for (long a : BORDERS) {
            for (long b : BORDERS) {
                byte[] cells = ByteBuffer.allocate(12).putInt((int) a).putInt((int) b).array();
                short second = 4;
                short third = 8;
                String what = a + ", " + b;

                boolean over = Rupiah.add(cells, (short) 0, cells, second, cells, third);
                assertEquals((a + b) & MOST, at(cells, third), what);
                assertEquals(a + b > MOST, over, what);

                boolean under = Rupiah.subtract(cells, (short) 0, cells, second, cells, third);
                assertEquals((a - b) & MOST, at(cells, third), what);
                assertEquals(a < b, under, what);

                assertEquals(a > b, Rupiah.greater(cells, (short) 0, cells, second), what);
            }
        }
    }

    @Test
    void aResultMayStandWhereAnOperandStands() {
        byte[] cells = ByteBuffer.allocate(8).putInt(60_000).putInt(14_000).array();
        Rupiah.subtract(cells, (short) 0, cells, (short) 4, cells, (short) 0);
        assertEquals(46_000, at(cells, (short) 0));
        Rupiah.add(cells, (short) 0, cells, (short) 4, cells, (short) 4);
        assertEquals(60_000, at(cells, (short) 4));
    }

    @Test
    void oneMoreAndTheEndsAreFound() {
        for (long a : BORDERS) {
            byte[] cell = ByteBuffer.allocate(4).putInt((int) a).array();
            assertEquals(a == 0, Rupiah.isZero(cell, (short) 0), () -> "" + a);
            assertEquals(a == MOST, Rupiah.isLast(cell, (short) 0), () -> "" + a);
            boolean over = Rupiah.increment(cell, (short) 0, cell, (short) 0);
            assertEquals((a + 1) & MOST, at(cell, (short) 0));
            assertEquals(a == MOST, over, () -> "" + a);
        }
    }

    private static long at(byte[] cells, short at) {
        return ByteBuffer.wrap(cells).getInt(at) & MOST;
    }
}
