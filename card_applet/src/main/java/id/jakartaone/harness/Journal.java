package id.jakartaone.harness;

import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.util.ArrayList;

/** What an open transaction has overwritten, in the order of writing, to be put back. */
final class Journal {
    private final ArrayList<Old> entries = new ArrayList<>(0);
    private int bytes;

    /** A piece of persistent memory as it was. */
    private interface Old {
        void putBack(Weak weak);
    }

    private record Slice(Object array, int index, Object values) implements Old {
        @Override
        public void putBack(Weak weak) {
            int length = Array.getLength(values);
            System.arraycopy(values, 0, array, index, length);
            weak.written(array, index, length);
        }
    }

    private record Member(Object owner, Field field, Object value) implements Old {
        @Override
        public void putBack(Weak weak) {
            Fields.set(owner, field, value);
            weak.written(owner, field);
        }
    }

    int bytes() {
        return bytes;
    }

    void keep(byte[] array, int index, int length) {
        byte[] values = new byte[length];
        System.arraycopy(array, index, values, 0, length);
        add(new Slice(array, index, values), length);
    }

    void keepElement(Object array, int index, int size) {
        Object values = Array.newInstance(array.getClass().getComponentType(), 1);
        System.arraycopy(array, index, values, 0, 1);
        add(new Slice(array, index, values), size);
    }

    void keepField(Object owner, Field field, Object value, int size) {
        add(new Member(owner, field, value), size);
    }

    void forget() {
        entries.clear();
        bytes = 0;
    }

    /** Put everything back, the latest first. */
    void rollBack(Weak weak) {
        for (int index = entries.size() - 1; index >= 0; index--) {
            entries.get(index).putBack(weak);
        }
        forget();
    }

    private void add(Old old, int size) {
        entries.add(old);
        bytes += size;
    }
}
