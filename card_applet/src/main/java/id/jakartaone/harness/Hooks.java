package id.jakartaone.harness;

import javacard.framework.Util;
import javacard.security.RandomData;

/**
 * What the rewritten applets call in place of their stores: RAM is stored to at once, persistent
 * memory through the card's Memory. Public because applet classes, of another loader, call it.
 */
public final class Hooks {
    private Hooks() {
    }

    /** In place of bastore, which serves byte and boolean arrays. */
    public static void bastore(Object array, int index, int value) {
        if (array instanceof byte[] bytes) {
            CardRt card = persistent(bytes, index, bytes.length);
            if (card == null) {
                bytes[index] = (byte) value;
            } else {
                card.memory().putByte(bytes, index, (byte) value);
            }
            return;
        }
        boolean[] flags = (boolean[]) array;
        boolean flag = (value & 1) != 0;
        CardRt card = persistent(flags, index, flags.length);
        if (card == null) {
            flags[index] = flag;
        } else {
            card.memory().putElement(flags, index, flags[index], flag, 1);
        }
    }

    /** In place of sastore. */
    public static void sastore(short[] array, int index, int value) {
        CardRt card = persistent(array, index, array.length);
        if (card == null) {
            array[index] = (short) value;
        } else {
            card.memory().putElement(array, index, array[index], (short) value, 2);
        }
    }

    /** In place of aastore. */
    public static void aastore(Object[] array, int index, Object value) {
        CardRt card = persistent(array, index, array.length);
        if (card == null) {
            array[index] = value;
        } else {
            card.memory().putReference(array, index, value);
        }
    }

    /** Before putfield of a boolean. */
    public static void beforeBoolean(boolean after, Object owner, boolean before, String name) {
        memory().beforeField(owner, name, before, after, 1);
    }

    /** Before putfield of a byte. */
    public static void beforeByte(byte after, Object owner, byte before, String name) {
        memory().beforeField(owner, name, before, after, 1);
    }

    /** Before putfield of a short. */
    public static void beforeShort(short after, Object owner, short before, String name) {
        memory().beforeField(owner, name, before, after, 2);
    }

    /** Before putfield of a reference. */
    public static void beforeReference(Object after, Object owner, Object before, String name) {
        memory().beforeField(owner, name, before, after, 2);
    }

    /** In place of Util.arrayCopy. */
    public static short arrayCopy(byte[] source, short from, byte[] target, short to, short n) {
        CardRt card = persistent(source, from, target, to, n);
        if (card == null) {
            return Util.arrayCopyNonAtomic(source, from, target, to, n);
        }
        card.memory().copy(source, from, target, to, n);
        return (short) (to + n);
    }

    /** In place of Util.arrayCopyNonAtomic. */
    public static short arrayCopyNonAtomic(
        byte[] source, short from, byte[] target, short to, short n) {
        CardRt card = persistent(source, from, target, to, n);
        if (card == null) {
            return Util.arrayCopyNonAtomic(source, from, target, to, n);
        }
        card.memory().copyNonAtomic(source, from, target, to, n);
        return (short) (to + n);
    }

    /** In place of Util.arrayFillNonAtomic. */
    public static short arrayFillNonAtomic(byte[] target, short to, short n, byte value) {
        CardRt card = persistent(target, to, target, to, n);
        if (card == null) {
            return Util.arrayFillNonAtomic(target, to, n, value);
        }
        card.memory().fillNonAtomic(target, to, n, value);
        return (short) (to + n);
    }

    /** In place of Util.setShort. */
    public static short setShort(byte[] target, short to, short value) {
        CardRt card = persistent(target, to, target, to, (short) 2);
        if (card == null) {
            return Util.setShort(target, to, value);
        }
        card.memory().putShort(target, to, value);
        return (short) (to + 2);
    }

    /** In place of RandomData.generateData. */
    public static void generateData(RandomData source, byte[] target, short to, short n) {
        byte[] bytes = CardRt.current().random(source, n);
        arrayCopyNonAtomic(bytes, (short) 0, target, to, n);
    }

    /** In place of RandomData.nextBytes. */
    public static short nextBytes(RandomData source, byte[] target, short to, short n) {
        generateData(source, target, to, n);
        return (short) (to + n);
    }

    /**
     * Before a cipher or signature writes into an array: an application signs into RAM and copies,
     * since what the simulator writes by itself can be neither rolled back nor torn.
     */
    public static byte[] onlyRam(byte[] target) {
        CardRt card = CardRt.current();
        card.memory().checkAlive();
        if (card.persists(target)) {
            throw new IllegalStateException("an applet lets a cipher or signature write straight "
                + "into persistent memory; let it write into RAM and copy");
        }
        return target;
    }

    private static Memory memory() {
        return CardRt.current().memory();
    }

    /** The card whose persistent memory is written, or null if it is RAM or not to be written. */
    private static CardRt persistent(Object array, int index, int length) {
        CardRt card = CardRt.current();
        card.memory().checkAlive();
        return index >= 0 && index < length && card.persists(array) ? card : null;
    }

    private static CardRt persistent(byte[] source, short from, byte[] target, short to, short n) {
        CardRt card = CardRt.current();
        card.memory().checkAlive();
        if (n <= 0 || from < 0 || to < 0 || from + n > source.length || to + n > target.length) {
            checkRange(source, from, n);
            checkRange(target, to, n);
            return null;
        }
        return card.persists(target) ? card : null;
    }

    private static void checkRange(byte[] array, short from, short n) {
        if (n < 0 || from < 0 || from + n > array.length) {
            throw new ArrayIndexOutOfBoundsException(
                "bytes " + from + " to " + (from + n) + " of an array of " + array.length);
        }
    }
}
