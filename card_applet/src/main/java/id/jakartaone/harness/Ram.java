package id.jakartaone.harness;

import com.licel.jcardsim.base.TransientMemory;
import java.util.ArrayList;

/** The transient arrays of one card: everything else that an applet can store into persists. */
final class Ram extends TransientMemory {
    boolean holds(Object array) {
        return isIn(clearOnDeselect, array) || isIn(clearOnReset, array);
    }

    void forgetSelection() {
        clearOnDeselect();
    }

    void forgetAll() {
        clearOnDeselect();
        clearOnReset();
    }

    @Override
    public byte isTransient(Object array) {
        if (isIn(clearOnDeselect, array)) {
            return javacard.framework.JCSystem.CLEAR_ON_DESELECT;
        }
        return isIn(clearOnReset, array)
            ? javacard.framework.JCSystem.CLEAR_ON_RESET
            : javacard.framework.JCSystem.NOT_A_TRANSIENT_OBJECT;
    }

    private static boolean isIn(ArrayList<Object> arrays, Object array) {
        for (int index = 0, size = arrays.size(); index < size; index++) {
            if (arrays.get(index) == array) {
                return true;
            }
        }
        return false;
    }
}
