package id.jakartaone.harness;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GateTest {
    private static final String STORE = """
        final class Store {
            static void copy(byte[] f, short a, byte[] t, short b, short n) {
                javacard.framework.Util.arrayCopy(f, a, t, b, n);
            }
            static void put(byte[] t, short a, byte v) { t[a] = v; }
        }
        """;
    private static final String FRAME = """
        package gate;
        import javacard.framework.*;
        import javacard.security.*;
        import javacardx.crypto.*;
        class Tried {
            static final byte[] LABEL = {1, 2};
            static final short SIZE = 8;
            final byte[] kept = new byte[SIZE];
            final byte[] ram = JCSystem.makeTransientByteArray(SIZE, JCSystem.CLEAR_ON_DESELECT);
            final byte[] alias = ram;
            short number;
            Signature signature;
            %s
        }
        """;

    @TempDir
    private Path folder;

    /** The findings on a class with this member, beside a Store as it should be. */
    private List<String> findings(String member) throws IOException {
        return compiled(FRAME.formatted(member) + STORE);
    }

    private List<String> compiled(String source) throws IOException {
        Path file = folder.resolve("Tried.java");
        Files.writeString(file, source);
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        int failed = compiler.run(null, null, null, "-g", "--release", "8", "-nowarn",
            "-Xlint:-options", "-cp", System.getProperty("java.class.path"), "-d",
            folder.toString(), file.toString());
        assertEquals(0, failed, source);
        return Gate.check(folder);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "long sum;                                              | type long",
        "int sum;                                               | type int",
        "double d;                                              | type double",
        "float f;                                               | type float",
        "char c;                                                | type char",
        "String s;                                              | java.lang.String",
        "int[] many;                                            | type int",
        "byte[][] rows;                                         | array of arrays",
        "void f(int a) { }                                      | type int",
        "long f() { return 1; }                                 | type long",
        "void f() { for (int i = 0; i < 2; i++) { ram[i] = 0; } } | variable i: type int",
        "short f(byte a) { return (short) (a + 70000); }        | constant 70000",
        "void f() { Object s = \"x\"; }                         | constant x",
        "short f(short a) { return (short) (a * 2L); }          | works on long",
        "void f() { synchronized (ram) { ram[0] = 1; } }        | locks",
        "void f() { Runnable r = () -> { }; }                   | lambdas",
        "static short shared;                                   | static that is no constant",
        "static final Object LOCK = new Object();               | static that is no constant",
        "static byte[] TABLE = {1};                             | static that is no constant",
        "void f() { System.gc(); }                              | java.lang.System is no API",
        "void f() { java.util.Arrays.fill(ram, (byte) 0); }     | java.util.Arrays is no API",
        "OwnerPIN pin;                                          | OwnerPIN",
        "void f() { Util.arrayFill(ram, (short) 0, SIZE, (byte) 0); } | arrayFill",
        "boolean f(Object o) { return o instanceof Integer; }   | java.lang.Integer",
        "void f() { try { ram[0] = 1; } catch (IllegalStateException e) { } } | IllegalState"})
    void refusesWhatACardHasNot(String member, String said) throws IOException {
        assertFinds(member, said);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "byte[] f() { return new byte[2]; }                     | outside the constructor",
        "Object f() { return new Tried(); }                     | outside the constructor",
        "void f() { throw new RuntimeException(); }             | outside the constructor",
        "byte[] f() { return JCSystem.makeTransientByteArray(SIZE, (byte) 1); } | outside the",
        "void f() { signature = Signature.getInstance((byte) 49, false); } | outside the",
        "void f() { number = 1; }                               | stores into field number",
        "void f() { kept[0] = 1; }                              | writes array kept",
        "void f() { byte[] a = kept; a[0] = 1; }                | writes array kept",
        "void f() { g(kept); } void g(byte[] a) { a[0] = 1; }   | writes array kept",
        "void f() { g(kept); } void g(byte[] a) { h(a); } void h(byte[] a) { a[0]++; } | kept",
        "void f() { Util.setShort(kept, (short) 0, SIZE); }     | writes array kept",
        "void f() { Util.arrayCopy(ram, SIZE, kept, SIZE, SIZE); } | writes array kept",
        "void f() { Util.arrayFillNonAtomic(kept, SIZE, SIZE, (byte) 0); } | writes array kept",
        "void f() { signature.sign(ram, SIZE, SIZE, kept, SIZE); } | writes array kept",
        "void f(RandomData r) { r.nextBytes(kept, SIZE, SIZE); } | writes array kept",
        "void f() { LABEL[0] = 1; }                             | writes static LABEL",
        "void f() { Store.put(LABEL, SIZE, (byte) 0); }         | writes static LABEL",
        "Key key = KeyBuilder.buildKey((byte) 15, SIZE, false); | key that persists"})
    void refusesMemoryTreatedAsACardMayNot(String member, String said) throws IOException {
        assertFinds(member, said);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "void f() { ram[0] = 1; alias[1] = 2; }",
        "void f(APDU apdu) { byte[] buffer = apdu.getBuffer(); buffer[0] = kept[0]; }",
        "void f() { Store.put(kept, SIZE, (byte) 1); }",
        "void f() { g(kept); } void g(byte[] a) { Store.put(a, SIZE, (byte) 1); }",
        "void f() { g(ram); } void g(byte[] a) { a[0] = kept[0]; }",
        "Tried() { kept[0] = 1; number = 2; made(); } private void made() { kept[1] = 2; }",
        "Key key = KeyBuilder.buildKey((byte) 14, (short) 128, false);",
        "void f() { for (short i = 0; i < SIZE; i++) { ram[i] = LABEL[(short) (i & 1)]; } }"})
    void acceptsWhatACardTakes(String member) throws IOException {
        assertEquals(List.of(), findings(member));
    }

    @Test
    void refusesANonAtomicCallInStore() throws IOException {
        String store = STORE.replace("arrayCopy", "arrayCopyNonAtomic");
        List<String> findings = compiled(FRAME.formatted("") + store);
        assertTrue(findings.toString().contains("NonAtomic"), findings.toString());
    }

    @Test
    void theAppletsOfThisProjectPass() throws IOException {
        assertEquals(List.of(), Gate.check(Path.of("target/classes/id/jakartaone/card")));
    }

    @Test
    void aFolderWithoutClassFilesIsNoPass() {
        assertThrows(IOException.class, () -> Gate.check(folder));
    }

    private void assertFinds(String member, String said) throws IOException {
        List<String> findings = findings(member);
        assertTrue(findings.stream().anyMatch(finding -> finding.contains(said)),
            () -> "expected " + said + ", found " + findings);
    }
}
