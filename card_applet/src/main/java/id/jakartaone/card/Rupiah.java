package id.jakartaone.card;

/**
 * Arithmetic on unsigned 32-bit numbers, big-endian, four bytes at a place in an array.
 *
 * <p>Only bytes and shorts, because many chips have no 32-bit integers. A result may stand where an
 * operand stands. Nothing here writes to persistent memory when it is given arrays in RAM.
 */
final class Rupiah {
    static final short SIZE = 4;

    private static final short LOW = (short) 0xFF;

    private Rupiah() {}

    /** Returns whether a is greater than b. */
    static boolean greater(byte[] a, short aAt, byte[] b, short bAt) {
        for (short i = 0; i < SIZE; i++) {
            short left = (short) (a[(short) (aAt + i)] & LOW);
            short right = (short) (b[(short) (bAt + i)] & LOW);
            if (left != right) {
                return left > right;
            }
        }
        return false;
    }

    /** Writes a + b and returns whether it went over 2^32 - 1; then the sum is modulo 2^32. */
    static boolean add(byte[] a, short aAt, byte[] b, short bAt, byte[] sum, short sumAt) {
        short carry = 0;
        for (short i = (short) (SIZE - 1); i >= 0; i--) {
            short left = (short) (a[(short) (aAt + i)] & LOW);
            short right = (short) (b[(short) (bAt + i)] & LOW);
            short both = (short) (left + right + carry);
            sum[(short) (sumAt + i)] = (byte) both;
            carry = (short) (both > LOW ? 1 : 0);
        }
        return carry != 0;
    }

    /** Writes a - b and returns whether it went under 0; then the difference is modulo 2^32. */
    static boolean subtract(byte[] a, short aAt, byte[] b, short bAt, byte[] left, short leftAt) {
        short borrow = 0;
        for (short i = (short) (SIZE - 1); i >= 0; i--) {
            short from = (short) (a[(short) (aAt + i)] & LOW);
            short taken = (short) ((b[(short) (bAt + i)] & LOW) + borrow);
            left[(short) (leftAt + i)] = (byte) (short) (from - taken);
            borrow = (short) (from < taken ? 1 : 0);
        }
        return borrow != 0;
    }

    /** Writes a + 1 and returns whether it went over 2^32 - 1. */
    static boolean increment(byte[] a, short aAt, byte[] sum, short sumAt) {
        short carry = 1;
        for (short i = (short) (SIZE - 1); i >= 0; i--) {
            short both = (short) ((a[(short) (aAt + i)] & LOW) + carry);
            sum[(short) (sumAt + i)] = (byte) both;
            carry = (short) (both > LOW ? 1 : 0);
        }
        return carry != 0;
    }

    /** Returns whether the number is 2^32 - 1. */
    static boolean isLast(byte[] a, short at) {
        return allAre(a, at, (byte) 0xFF);
    }

    /** Returns whether the number is 0. */
    static boolean isZero(byte[] a, short at) {
        return allAre(a, at, (byte) 0);
    }

    private static boolean allAre(byte[] a, short at, byte value) {
        for (short i = 0; i < SIZE; i++) {
            if (a[(short) (at + i)] != value) {
                return false;
            }
        }
        return true;
    }
}
