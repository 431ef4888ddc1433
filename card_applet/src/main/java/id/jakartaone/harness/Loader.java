package id.jakartaone.harness;

import java.io.IOException;
import java.io.InputStream;
import java.util.Map;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * Loads the applets' own classes so that each store into an array or a field, and each call that
 * stores or draws random bytes, goes through Hooks. The source and the class files stay as a card
 * takes them.
 */
class Loader extends ClassLoader {
    private static final String HOOKS = Type.getInternalName(Hooks.class);
    private static final String UTIL = "javacard/framework/Util";
    private static final String RANDOM = "javacard/security/RandomData";
    private static final Map<String, String> REDIRECTED = Map.of(
        UTIL + ".arrayCopy", "([BS[BSS)S",
        UTIL + ".arrayCopyNonAtomic", "([BS[BSS)S",
        UTIL + ".arrayFillNonAtomic", "([BSSB)S",
        UTIL + ".setShort", "([BSS)S",
        RANDOM + ".generateData", "(Ljavacard/security/RandomData;[BSS)V",
        RANDOM + ".nextBytes", "(Ljavacard/security/RandomData;[BSS)S");

    private final String prefix;

    /** A loader that rewrites the classes whose full name starts with `prefix`. */
    Loader(String prefix) {
        super(Loader.class.getClassLoader());
        this.prefix = prefix;
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (!name.startsWith(prefix)) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> known = findLoadedClass(name);
            if (known != null) {
                return known;
            }
            byte[] code = rewrite(read(name));
            return defineClass(name, code, 0, code.length);
        }
    }

    /** The class file with its stores redirected. */
    byte[] rewrite(byte[] code) {
        ClassWriter writer = new ClassWriter(ClassWriter.COMPUTE_MAXS);
        new ClassReader(code).accept(new ClassVisitor(Opcodes.ASM9, writer) {
            @Override
            public MethodVisitor visitMethod(
                int access, String name, String descriptor, String signature, String[] thrown) {
                MethodVisitor next =
                    super.visitMethod(access, name, descriptor, signature, thrown);
                return name.equals("<clinit>") ? next : new Stores(next, name.equals("<init>"));
            }
        }, 0);
        return writer.toByteArray();
    }

    private byte[] read(String name) throws ClassNotFoundException {
        String path = name.replace('.', '/') + ".class";
        try (InputStream file = getParent().getResourceAsStream(path)) {
            if (file == null) {
                throw new ClassNotFoundException(name);
            }
            return file.readAllBytes();
        } catch (IOException error) {
            throw new ClassNotFoundException(name, error);
        }
    }

    /** Rewrites one method. Adds no branch, so the frames of the class file stay right. */
    private static final class Stores extends MethodVisitor {
        private boolean beforeSuper;
        private int open;

        Stores(MethodVisitor next, boolean constructor) {
            super(Opcodes.ASM9, next);
            beforeSuper = constructor;
        }

        @Override
        public void visitInsn(int opcode) {
            switch (opcode) {
                case Opcodes.BASTORE -> hook("bastore", "(Ljava/lang/Object;II)V");
                case Opcodes.SASTORE -> hook("sastore", "([SII)V");
                case Opcodes.AASTORE ->
                    hook("aastore", "([Ljava/lang/Object;ILjava/lang/Object;)V");
                default -> super.visitInsn(opcode);
            }
        }

        @Override
        public void visitTypeInsn(int opcode, String type) {
            open += opcode == Opcodes.NEW ? 1 : 0;
            super.visitTypeInsn(opcode, type);
        }

        @Override
        public void visitFieldInsn(int opcode, String owner, String name, String descriptor) {
            if (opcode == Opcodes.PUTFIELD && !beforeSuper) {
                beforeStore(owner, name, descriptor);
            }
            super.visitFieldInsn(opcode, owner, name, descriptor);
        }

        @Override
        public void visitMethodInsn(
            int opcode, String owner, String name, String descriptor, boolean ofInterface) {
            if (opcode == Opcodes.INVOKESPECIAL && name.equals("<init>")) {
                beforeSuper &= open > 0;
                open -= open > 0 ? 1 : 0;
            }
            String redirected = REDIRECTED.get(owner + "." + name);
            if (redirected != null) {
                hook(name, redirected);
                return;
            }
            if (writesOutput(owner, name, descriptor)) {
                super.visitInsn(Opcodes.SWAP);
                hook("onlyRam", "([B)[B");
                super.visitInsn(Opcodes.SWAP);
            }
            super.visitMethodInsn(opcode, owner, name, descriptor, ofInterface);
        }

        /** Stack: owner, value; the hook gets value, owner, the value before and the name. */
        private void beforeStore(String owner, String name, String descriptor) {
            String hook;
            String type = descriptor;
            switch (descriptor.charAt(0)) {
                case 'Z' -> hook = "beforeBoolean";
                case 'B' -> hook = "beforeByte";
                case 'S' -> hook = "beforeShort";
                case 'L', '[' -> {
                    hook = "beforeReference";
                    type = "Ljava/lang/Object;";
                }
                default -> throw new IllegalArgumentException(
                    owner + "." + name + " has type " + descriptor + ", which no card has");
            }
            super.visitInsn(Opcodes.DUP2);
            super.visitInsn(Opcodes.SWAP);
            super.visitInsn(Opcodes.DUP);
            super.visitFieldInsn(Opcodes.GETFIELD, owner, name, descriptor);
            super.visitLdcInsn(name);
            hook(hook, "(" + type + "Ljava/lang/Object;" + type + "Ljava/lang/String;)V");
        }

        private void hook(String name, String descriptor) {
            super.visitMethodInsn(Opcodes.INVOKESTATIC, HOOKS, name, descriptor, false);
        }

        /** Signature.sign and Cipher.doFinal, update: the last two arguments are array, offset. */
        private static boolean writesOutput(String owner, String name, String descriptor) {
            return descriptor.equals("([BSS[BS)S")
                && (owner.equals("javacard/security/Signature")
                    || owner.equals("javacardx/crypto/Cipher"));
        }
    }
}
