package id.jakartaone.harness;

import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.SplittableRandom;

/**
 * Cells whose write was interrupted: each holds its old or its new value, by a coin that is tossed
 * at every power-up and before every command, until the applet writes the cell again.
 */
final class Weak {
    private final ArrayList<Cell> cells = new ArrayList<>(0);
    private SplittableRandom coin = new SplittableRandom(1);

    /** One array element (where = array, index) or one field (where = object, field). */
    private record Cell(Object where, int index, Field field, Object before, Object after) {
        void settle(boolean written) {
            Object value = written ? after : before;
            if (field != null) {
                Fields.set(where, field, value);
            } else {
                Array.set(where, index, value);
            }
        }
    }

    void seed(long seed) {
        coin = new SplittableRandom(seed);
    }

    void add(Object array, int index, Object before, Object after) {
        cells.add(new Cell(array, index, null, before, after));
    }

    void add(Object owner, Field field, Object before, Object after) {
        cells.add(new Cell(owner, 0, field, before, after));
    }

    void toss() {
        for (Cell cell : cells) {
            cell.settle(coin.nextInt(2) == 1);
        }
    }

    void written(Object array, int index, int length) {
        if (!cells.isEmpty()) {
            cells.removeIf(cell -> cell.where == array && cell.field == null
                && cell.index >= index && cell.index < index + length);
        }
    }

    void written(Object owner, Field field) {
        if (!cells.isEmpty()) {
            cells.removeIf(cell -> cell.where == owner && field.equals(cell.field));
        }
    }

    boolean isEmpty() {
        return cells.isEmpty();
    }
}
