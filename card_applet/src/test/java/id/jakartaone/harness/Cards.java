package id.jakartaone.harness;

import java.util.HexFormat;
import java.util.List;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/** Cards of the tiny applet, twice on each card, and how tests speak to them. */
final class Cards {
    static final String FIRST = "F04A4B54317E";
    static final String SECOND = "F04A4B54317F";
    static final Kind TINY = kind(new Loader("id.jakartaone.harness.tiny."));
    static final Kind WITHOUT_TRANSACTIONS = kind(new Stripped());
    static final String GONE = "gone";

    private Cards() {
    }

    /** Loads the tiny applet with its calls of begin and commit taken out. */
    private static final class Stripped extends Loader {
        Stripped() {
            super("id.jakartaone.harness.tiny.");
        }

        @Override
        byte[] rewrite(byte[] code) {
            ClassWriter writer = new ClassWriter(0);
            new ClassReader(super.rewrite(code)).accept(new ClassVisitor(Opcodes.ASM9, writer) {
                @Override
                public MethodVisitor visitMethod(
                    int access, String name, String descriptor, String signature, String[] thrown) {
                    return new MethodVisitor(Opcodes.ASM9,
                        super.visitMethod(access, name, descriptor, signature, thrown)) {
                        @Override
                        public void visitMethodInsn(
                            int opcode, String owner, String called, String type, boolean of) {
                            if (!called.endsWith("Transaction")) {
                                super.visitMethodInsn(opcode, owner, called, type, of);
                            }
                        }
                    };
                }
            }, 0);
            return writer.toByteArray();
        }
    }

    static CardSlot tiny() {
        return CardSlot.make(TINY, 0).orElseThrow();
    }

    /** The answer in hex, or GONE. */
    static String say(CardSlot card, String command) {
        return card.apdu(HexFormat.of().parseHex(command))
            .map(answer -> HexFormat.of().formatHex(answer)).orElse(GONE);
    }

    static String state(CardSlot card) {
        return HexFormat.of().formatHex(card.state());
    }

    private static Kind kind(Loader loader) {
        String tiny = "id.jakartaone.harness.tiny.Tiny";
        return new Kind(List.of(
            Kind.Application.of(loader, FIRST, tiny), Kind.Application.of(loader, SECOND, tiny)));
    }
}
