package id.jakartaone.harness;

import java.util.List;
import java.util.Set;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.FieldInsnNode;
import org.objectweb.asm.tree.FieldNode;
import org.objectweb.asm.tree.IntInsnNode;
import org.objectweb.asm.tree.LdcInsnNode;
import org.objectweb.asm.tree.LocalVariableNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;
import org.objectweb.asm.tree.TryCatchBlockNode;
import org.objectweb.asm.tree.TypeInsnNode;

/** What a class may say: types of the Java Card language, its own API, constants for statics. */
final class GateLanguage {
    private static final Set<String> LANG = Set.of(
        "java/lang/Object", "java/lang/Throwable", "java/lang/Exception",
        "java/lang/RuntimeException", "java/lang/ArithmeticException",
        "java/lang/ArrayIndexOutOfBoundsException", "java/lang/ArrayStoreException",
        "java/lang/ClassCastException", "java/lang/IndexOutOfBoundsException",
        "java/lang/NegativeArraySizeException", "java/lang/NullPointerException",
        "java/lang/SecurityException");
    private static final Set<String> NOT_HERE = Set.of(
        "javacard/framework/OwnerPIN", "javacard/framework/Util.arrayFill");

    private final ClassNode node;
    private final List<String> findings;
    private final String ownPackage;
    private String where;

    GateLanguage(ClassNode node, List<String> findings) {
        this.node = node;
        this.findings = findings;
        ownPackage = node.name.substring(0, node.name.lastIndexOf('/') + 1);
        where = node.name;
    }

    void check() {
        reference(node.superName);
        node.interfaces.forEach(this::reference);
        for (FieldNode field : node.fields) {
            where = node.name + "." + field.name;
            type(Type.getType(field.desc), "field");
            if ((field.access & Opcodes.ACC_STATIC) != 0 && !isConstant(field)) {
                add("a static that is no constant is shared by all cards; make it a field");
            }
        }
        for (MethodNode method : node.methods) {
            where = node.name + "." + method.name;
            signature(method.desc, "method");
            method.exceptions.forEach(this::reference);
            variables(method);
            for (TryCatchBlockNode block : method.tryCatchBlocks) {
                reference(block.type);
            }
            for (AbstractInsnNode instruction : method.instructions) {
                instruction(instruction);
            }
        }
    }

    /** The class file names its variables' types if it was compiled with -g, as it is here. */
    private void variables(MethodNode method) {
        if (method.localVariables == null) {
            return;
        }
        for (LocalVariableNode variable : method.localVariables) {
            type(Type.getType(variable.desc), "variable " + variable.name);
        }
    }

    private void instruction(AbstractInsnNode instruction) {
        if (instruction.getOpcode() >= 0 && isForeign(instruction.getOpcode())) {
            add("instruction " + instruction.getOpcode() + " works on long, float, double, int "
                + "arrays, char, locks or lambdas, which a card lacks; use byte and short");
        }
        if (instruction instanceof LdcInsnNode load && !isShort(load.cst)) {
            add("constant " + load.cst + " is more than a short; keep it in byte arrays");
        } else if (instruction instanceof TypeInsnNode named) {
            reference(named.desc);
        } else if (instruction instanceof FieldInsnNode field) {
            reference(field.owner);
            type(Type.getType(field.desc), "field " + field.name);
        } else if (instruction instanceof MethodInsnNode call) {
            reference(call.owner);
            reference(call.owner + "." + call.name);
            signature(call.desc, "call of " + call.name);
        } else if (instruction.getOpcode() == Opcodes.NEWARRAY) {
            int kind = ((IntInsnNode) instruction).operand;
            if (kind != Opcodes.T_BOOLEAN && kind != Opcodes.T_BYTE && kind != Opcodes.T_SHORT) {
                add("array of a type that a card lacks; use byte or short");
            }
        }
    }

    private void signature(String descriptor, String what) {
        for (Type argument : Type.getArgumentTypes(descriptor)) {
            type(argument, what);
        }
        type(Type.getReturnType(descriptor), what);
    }

    private void type(Type type, String what) {
        switch (type.getSort()) {
            case Type.VOID, Type.BOOLEAN, Type.BYTE, Type.SHORT -> {
                return;
            }
            case Type.OBJECT -> reference(type.getInternalName());
            case Type.ARRAY -> {
                if (type.getDimensions() > 1) {
                    add(what + ": array of arrays, which a card lacks; use one array and offsets");
                }
                type(type.getElementType(), what);
            }
            default -> add(what + ": type " + type.getClassName()
                + ", which a card lacks; use byte and short");
        }
    }

    private void reference(String name) {
        if (name == null) {
            return;
        }
        if (name.startsWith("[")) {
            type(Type.getType(name), "array");
            return;
        }
        if (NOT_HERE.contains(name)) {
            add(name + ": its writes cannot be rolled back or torn here; use Store");
        }
        boolean known = name.startsWith("javacard/") || name.startsWith("javacardx/crypto/")
            || name.startsWith(ownPackage)
            || LANG.contains(name.contains(".") ? name.substring(0, name.indexOf('.')) : name);
        if (!known && !name.contains(".")) {
            add(name.replace('/', '.')
                + " is no API of a card; only javacard and javacardx.crypto are");
        }
    }

    private void add(String what) {
        String finding = where.replace('/', '.') + ": " + what;
        if (!findings.contains(finding)) {
            findings.add(finding);
        }
    }

    /** A final number, or a final array of numbers; GateMemory sees to it that none writes it. */
    private static boolean isConstant(FieldNode field) {
        boolean numbers = field.desc.equals("[B") || field.desc.equals("[S");
        return (field.access & Opcodes.ACC_FINAL) != 0 && (field.value != null || numbers);
    }

    private static boolean isShort(Object constant) {
        return constant instanceof Integer number
            && number >= Short.MIN_VALUE && number <= Short.MAX_VALUE;
    }

    /** Whether an instruction works on something else than references, bytes and shorts. */
    private static boolean isForeign(int opcode) {
        if (opcode >= Opcodes.IADD && opcode <= Opcodes.DNEG) {
            return (opcode - Opcodes.IADD) % 4 != 0;
        }
        if (opcode >= Opcodes.ISHL && opcode <= Opcodes.LXOR) {
            return (opcode - Opcodes.ISHL) % 2 != 0;
        }
        return opcode >= Opcodes.LCONST_0 && opcode <= Opcodes.DCONST_1
            || opcode >= Opcodes.LLOAD && opcode <= Opcodes.DLOAD
            || opcode >= Opcodes.IALOAD && opcode <= Opcodes.DALOAD
            || opcode == Opcodes.CALOAD
            || opcode >= Opcodes.LSTORE && opcode <= Opcodes.DSTORE
            || opcode >= Opcodes.IASTORE && opcode <= Opcodes.DASTORE
            || opcode == Opcodes.CASTORE
            || opcode >= Opcodes.I2L && opcode <= Opcodes.D2F
            || opcode == Opcodes.I2C
            || opcode >= Opcodes.LCMP && opcode <= Opcodes.DCMPG
            || opcode >= Opcodes.LRETURN && opcode <= Opcodes.DRETURN
            || opcode == Opcodes.INVOKEDYNAMIC
            || opcode == Opcodes.MONITORENTER || opcode == Opcodes.MONITOREXIT
            || opcode == Opcodes.MULTIANEWARRAY;
    }
}
