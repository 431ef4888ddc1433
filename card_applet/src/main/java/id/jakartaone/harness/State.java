package id.jakartaone.harness;

import java.io.ByteArrayOutputStream;
import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import javacard.framework.Applet;

/**
 * The persistent bytes of a card's applets in a fixed order: application by application, fields by
 * name, arrays element by element, own objects where they are first met. What the platform keeps by
 * itself, such as key objects, is not among them.
 */
final class State {
    private final CardRt card;
    private final ByteArrayOutputStream out;
    private final ByteBuffer in;
    private final Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());

    private State(CardRt card, ByteArrayOutputStream out, ByteBuffer in) {
        this.card = card;
        this.out = out;
        this.in = in;
    }

    static byte[] read(CardRt card) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        new State(card, out, null).walk();
        return out.toByteArray();
    }

    /** Make these the persistent bytes of a card of the kind that they were read from. */
    static void write(CardRt card, byte[] bytes) {
        ByteBuffer in = ByteBuffer.wrap(bytes);
        new State(card, null, in).walk();
        if (in.hasRemaining()) {
            throw new IllegalStateException(in.remaining() + " bytes of state are left over");
        }
    }

    private void walk() {
        for (Applet applet : card.applets()) {
            visit(applet);
        }
    }

    private void visit(Object object) {
        if (object == null || !seen.add(object)) {
            return;
        }
        if (object.getClass().isArray()) {
            if (card.persists(object)) {
                elements(object);
            }
        } else if (object.getClass().getClassLoader() instanceof Loader) {
            for (Field field : Fields.of(object.getClass())) {
                Object value = Fields.get(object, field);
                if (!field.getType().isPrimitive()) {
                    visit(value);
                } else if (in == null) {
                    put(value);
                } else {
                    Fields.set(object, field, take(value));
                }
            }
        }
    }

    private void elements(Object array) {
        if (array instanceof byte[] bytes) {
            if (in == null) {
                out.writeBytes(bytes);
            } else {
                in.get(bytes);
            }
            return;
        }
        for (int index = 0, length = Array.getLength(array); index < length; index++) {
            Object value = Array.get(array, index);
            if (!array.getClass().getComponentType().isPrimitive()) {
                visit(value);
            } else if (in == null) {
                put(value);
            } else {
                Array.set(array, index, take(value));
            }
        }
    }

    private void put(Object value) {
        if (value instanceof Short number) {
            out.write(number >> 8);
            out.write(number);
        } else {
            out.write(value instanceof Boolean flag ? (flag ? 1 : 0) : ((Number) value).intValue());
        }
    }

    /** The next value of the type of `like`. */
    private Object take(Object like) {
        if (like instanceof Short) {
            return in.getShort();
        }
        byte value = in.get();
        return like instanceof Boolean ? (Object) (value != 0) : (Object) value;
    }
}
