package id.jakartaone.harness;

import java.lang.reflect.Array;
import java.lang.reflect.Field;
import javacard.framework.TransactionException;

/**
 * The persistent memory of one card: every store of its applets comes through here, is counted,
 * journalled while a transaction is open, and may be the one at which the card loses power.
 *
 * <p>As the Java Card runtime specification has it, one array element, one field and one
 * Util.arrayCopy are whole or not at all; setShort, arrayCopyNonAtomic and arrayFillNonAtomic are
 * not, and the two NonAtomic ones take no part in a transaction.
 */
final class Memory {
    /** Bytes of old values that a transaction may hold. */
    static final int CAPACITY = Math.min(Integer.getInteger("capacity", 512), Short.MAX_VALUE);
    private static final int REFERENCE_BYTES = 2;

    private final Journal journal = new Journal();
    private final Weak weak = new Weak();
    private boolean open;
    private boolean dead;
    private Tear tear = Tear.NEVER;
    private int writesSinceArmed;
    private int commitsSinceArmed;
    private int writes;
    private int outside;
    private int commits;
    private int journalled;

    void arm(Tear next) {
        tear = next;
        writesSinceArmed = 0;
        commitsSinceArmed = 0;
    }

    boolean isDead() {
        return dead;
    }

    boolean isOpen() {
        return open;
    }

    void seedCoin(long seed) {
        weak.seed(seed);
    }

    /** Writes, commits, journalled bytes and writes outside a transaction of the last command. */
    int[] counts() {
        return new int[] {writes, commits, journalled, outside};
    }

    void startCommand() {
        writes = 0;
        outside = 0;
        commits = 0;
        journalled = 0;
        weak.toss();
    }

    /** The command is over: the card dies here if it was to die before its answer. */
    void endCommand() {
        if (open) {
            abort();
        }
        if (tear.point() == Tear.BEFORE_ANSWER && commitsSinceArmed >= tear.k()) {
            die();
        }
    }

    void powerUp() {
        if (open) {
            abort();
        }
        dead = false;
        weak.toss();
    }

    void begin() {
        checkAlive();
        if (open) {
            TransactionException.throwIt(TransactionException.IN_PROGRESS);
        }
        open = true;
    }

    void abort() {
        if (!open) {
            TransactionException.throwIt(TransactionException.NOT_IN_PROGRESS);
        }
        journal.rollBack(weak);
        open = false;
    }

    void commit() {
        checkAlive();
        if (!open) {
            TransactionException.throwIt(TransactionException.NOT_IN_PROGRESS);
        }
        commitsSinceArmed++;
        if (tear.point() == Tear.IN_COMMIT && commitsSinceArmed == tear.k()) {
            die();
        }
        journal.forget();
        open = false;
        commits++;
    }

    int unusedCapacity() {
        return CAPACITY - journal.bytes();
    }

    /** Store one element of a byte, boolean or short array. */
    void putElement(Object array, int index, Object before, Object after, int size) {
        boolean last = strike(size, open);
        if (open) {
            journal.keepElement(array, index, size);
        }
        weak.written(array, index, 1);
        Array.set(array, index, after);
        if (last) {
            if (!open && tear.weak()) {
                weak.add(array, index, before, after);
            }
            die();
        }
    }

    /** Store one byte of a byte array; the way of nearly all stores, so without boxing. */
    void putByte(byte[] array, int index, byte value) {
        putByte(array, index, value, open);
    }

    void putReference(Object[] array, int index, Object value) {
        putElement(array, index, array[index], value, REFERENCE_BYTES);
    }

    /** Called before a field is stored; the caller stores it if this returns. */
    void beforeField(Object owner, String name, Object before, Object after, int size) {
        boolean last = strike(size, open);
        if (!open && !last && weak.isEmpty()) {
            return;
        }
        Field field = Fields.named(owner.getClass(), name);
        if (open) {
            journal.keepField(owner, field, before, size);
        }
        weak.written(owner, field);
        if (last) {
            Fields.set(owner, field, after);
            if (!open && tear.weak()) {
                weak.add(owner, field, before, after);
            }
            die();
        }
    }

    /** Util.arrayCopy: one write, all of it or nothing, in a transaction or not. */
    void copy(byte[] source, int from, byte[] target, int to, int length) {
        if (length > CAPACITY) {
            TransactionException.throwIt(TransactionException.BUFFER_FULL);
        }
        boolean last = strike(length, open);
        if (open) {
            journal.keep(target, to, length);
        }
        weak.written(target, to, length);
        System.arraycopy(source, from, target, to, length);
        if (last) {
            die();
        }
    }

    /** Util.arrayCopyNonAtomic: byte by byte, and past the journal of any open transaction. */
    void copyNonAtomic(byte[] source, int from, byte[] target, int to, int length) {
        byte[] values = new byte[length];
        System.arraycopy(source, from, values, 0, length);
        for (int index = 0; index < length; index++) {
            putByte(target, to + index, values[index], false);
        }
    }

    void fillNonAtomic(byte[] target, int to, int length, byte value) {
        for (int index = 0; index < length; index++) {
            putByte(target, to + index, value, false);
        }
    }

    /** Util.setShort: one write of two bytes; torn outside a transaction only the first is new. */
    void putShort(byte[] target, int to, short value) {
        boolean last = strike(2, open);
        if (open) {
            journal.keep(target, to, 2);
        }
        weak.written(target, to, 2);
        byte old = target[to];
        target[to] = (byte) (value >> 8);
        if (last) {
            if (!open && tear.weak()) {
                weak.add(target, to, old, target[to]);
            }
            die();
        }
        target[to + 1] = (byte) value;
    }

    void checkAlive() {
        if (dead) {
            throw Torn.TORN;
        }
    }

    private void putByte(byte[] array, int index, byte value, boolean underTransaction) {
        boolean last = strike(1, underTransaction);
        if (underTransaction) {
            journal.keep(array, index, 1);
        }
        weak.written(array, index, 1);
        byte old = array[index];
        array[index] = value;
        if (last) {
            if (!underTransaction && tear.weak()) {
                weak.add(array, index, old, value);
            }
            die();
        }
    }

    /** Count a write. True if the card dies in it: the caller writes, then calls die. */
    private boolean strike(int size, boolean underTransaction) {
        checkAlive();
        if (underTransaction) {
            if (size > unusedCapacity()) {
                TransactionException.throwIt(TransactionException.BUFFER_FULL);
            }
            journalled += size;
        } else {
            outside++;
            commitsSinceArmed += tear.point() == Tear.BEFORE_ANSWER ? 1 : 0;
        }
        writes++;
        writesSinceArmed++;
        if (tear.point() > Tear.AT_WRITE || writesSinceArmed != tear.k()) {
            return false;
        }
        if (tear.point() == Tear.BEFORE_WRITE) {
            die();
        }
        return tear.point() == Tear.AT_WRITE;
    }

    private void die() {
        tear = Tear.NEVER;
        dead = true;
        throw Torn.TORN;
    }
}
