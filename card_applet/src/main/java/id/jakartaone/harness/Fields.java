package id.jakartaone.harness;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** The instance fields of applet classes, by reflection: only for tears, rollback and STATE. */
final class Fields {
    private static final ClassValue<List<Field>> OF_CLASS = new ClassValue<>() {
        @Override
        protected List<Field> computeValue(Class<?> type) {
            return list(type);
        }
    };

    private Fields() {
    }

    /** All instance fields, those of the superclass first, within a class by name. */
    static List<Field> of(Class<?> type) {
        return OF_CLASS.get(type);
    }

    static Field named(Class<?> type, String name) {
        for (Class<?> at = type; at != null; at = at.getSuperclass()) {
            for (Field field : of(at)) {
                if (field.getName().equals(name)) {
                    return field;
                }
            }
        }
        throw new AssertionError(type + " has no field " + name);
    }

    static Object get(Object owner, Field field) {
        try {
            return field.get(owner);
        } catch (IllegalAccessException error) {
            throw new AssertionError(error);
        }
    }

    static void set(Object owner, Field field, Object value) {
        try {
            field.set(owner, value);
        } catch (IllegalAccessException error) {
            throw new AssertionError(error);
        }
    }

    private static List<Field> list(Class<?> type) {
        List<Field> fields = new ArrayList<>();
        if (type.getSuperclass() != null && type.getSuperclass() != Object.class) {
            fields.addAll(of(type.getSuperclass()));
        }
        List<Field> own = new ArrayList<>(List.of(type.getDeclaredFields()));
        own.removeIf(field -> Modifier.isStatic(field.getModifiers()));
        own.sort(Comparator.comparing(Field::getName));
        own.forEach(field -> field.setAccessible(true));
        fields.addAll(own);
        return List.copyOf(fields);
    }
}
