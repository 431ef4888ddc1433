package id.jakartaone.harness;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.HexFormat;
import java.util.List;

/**
 * A kind of card: its applications, the default one first.
 *
 * @param applications at least one
 */
record Kind(List<Application> applications) {
    private static final String APPLETS = "id.jakartaone.card.";
    private static final Loader LOADER = new Loader(APPLETS);

    /** An application by its AID, and the install method of its rewritten class. */
    record Application(byte[] aid, Method method) {
        static Application of(Loader loader, String aid, String className) {
            try {
                Method method = loader.loadClass(className)
                    .getMethod("install", byte[].class, short.class, byte.class);
                return new Application(HexFormat.of().parseHex(aid), method);
            } catch (ReflectiveOperationException error) {
                throw new IllegalStateException("no applet " + className + ": build card_applet",
                    error);
            }
        }

        void install(byte[] parameters) throws InvocationTargetException {
            try {
                method.invoke(null, parameters, (short) 0, (byte) parameters.length);
            } catch (IllegalAccessException error) {
                throw new IllegalStateException(this + ": install is not public", error);
            }
        }

        @Override
        public String toString() {
            return method.getDeclaringClass().getName();
        }
    }

    /** Purse and identity. */
    private static final class Card {
        static final Kind KIND = new Kind(List.of(
            Application.of(LOADER, "F04A4B543101", APPLETS + "PurseApplet"),
            Application.of(LOADER, "F04A4B543102", APPLETS + "IdentityApplet")));
    }

    /** The SAM alone. */
    private static final class Sam {
        static final Kind KIND = new Kind(List.of(
            Application.of(LOADER, "F04A4B543153", APPLETS + "SamApplet")));
    }

    /** The kind by its number on the wire. */
    static Kind numbered(int number) {
        return switch (number) {
            case 1 -> Card.KIND;
            case 2 -> Sam.KIND;
            default -> throw new IllegalArgumentException(
                "kind of card must be 1 (card) or 2 (SAM), got " + number);
        };
    }
}
