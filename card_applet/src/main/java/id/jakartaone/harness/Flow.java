package id.jakartaone.harness;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.FieldInsnNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;
import org.objectweb.asm.tree.VarInsnNode;
import org.objectweb.asm.tree.analysis.Analyzer;
import org.objectweb.asm.tree.analysis.AnalyzerException;
import org.objectweb.asm.tree.analysis.Frame;
import org.objectweb.asm.tree.analysis.SourceInterpreter;
import org.objectweb.asm.tree.analysis.SourceValue;

/** Where the values in a set of classes come from, and which arrays their instructions write. */
final class Flow {
    /** How many operands lie above the array that a call of the platform writes. */
    private static final Map<String, Integer> WRITES = Map.of(
        "javacard/framework/Util.arrayCopy", 2,
        "javacard/framework/Util.arrayCopyNonAtomic", 2,
        "javacard/framework/Util.arrayFillNonAtomic", 3,
        "javacard/framework/Util.setShort", 2,
        "javacard/security/RandomData.generateData", 2,
        "javacard/security/RandomData.nextBytes", 2,
        "javacard/security/Signature.sign", 1,
        "javacardx/crypto/Cipher.update", 1,
        "javacardx/crypto/Cipher.doFinal", 1);

    private final List<ClassNode> classes;
    private final List<Step> steps = new ArrayList<>();
    /** By name and descriptor of a method, in whatever class: the parameters that it writes. */
    private final Map<String, Set<Integer>> writtenParameters = new HashMap<>();

    /** One instruction of one method, with the stack before it. */
    record Step(ClassNode node, MethodNode method, AbstractInsnNode at, Frame<SourceValue> stack) {
        /** Where the operand comes from that lies below `above` others. */
        Set<AbstractInsnNode> origins(int above) {
            return stack.getStack(stack.getStackSize() - 1 - above).insns;
        }

        boolean isCallOfStore() {
            return at instanceof MethodInsnNode call && call.owner.endsWith("/Store");
        }

        boolean isOfStore() {
            return node.name.endsWith("/Store");
        }
    }

    /** Keeps the origin of a value through local variables; a parameter's is a load of it. */
    private static final class Origins extends SourceInterpreter {
        Origins() {
            super(Opcodes.ASM9);
        }

        @Override
        public SourceValue newParameterValue(boolean ofInstance, int local, Type type) {
            return new SourceValue(type.getSize(), new VarInsnNode(Opcodes.ALOAD, local));
        }

        @Override
        public SourceValue copyOperation(AbstractInsnNode instruction, SourceValue value) {
            return value;
        }

        @Override
        public SourceValue unaryOperation(AbstractInsnNode instruction, SourceValue value) {
            return instruction.getOpcode() == Opcodes.CHECKCAST
                ? value : super.unaryOperation(instruction, value);
        }
    }

    Flow(List<ClassNode> classes) {
        this.classes = classes;
        for (ClassNode node : classes) {
            for (MethodNode method : node.methods) {
                analyze(node, method);
            }
        }
        boolean grew = true;
        while (grew) {
            grew = false;
            for (Step step : steps) {
                grew |= learnParameters(step);
            }
        }
    }

    List<Step> steps() {
        return steps;
    }

    /** For each array that this step writes, where it comes from. */
    List<Set<AbstractInsnNode>> written(Step step) {
        int opcode = step.at().getOpcode();
        if (opcode == Opcodes.BASTORE || opcode == Opcodes.SASTORE || opcode == Opcodes.AASTORE) {
            return List.of(step.origins(2));
        }
        if (!(step.at() instanceof MethodInsnNode call)) {
            return List.of();
        }
        Integer above = WRITES.get(call.owner + "." + call.name);
        return above != null ? List.of(step.origins(above)) : passed(step, call);
    }

    /** A field by the class that declares it, whatever class it is reached through. */
    String declared(FieldInsnNode field) {
        String owner = field.owner;
        for (ClassNode node = named(owner); node != null; node = named(owner)) {
            if (node.fields.stream().anyMatch(own -> own.name.equals(field.name))) {
                break;
            }
            owner = node.superName;
        }
        return owner + "." + field.name;
    }

    private List<Set<AbstractInsnNode>> passed(Step step, MethodInsnNode call) {
        Set<Integer> written = writtenParameters.getOrDefault(call.name + call.desc, Set.of());
        if (written.isEmpty() || named(call.owner) == null) {
            return List.of();
        }
        List<Set<AbstractInsnNode>> arrays = new ArrayList<>();
        Type[] types = Type.getArgumentTypes(call.desc);
        int local = call.getOpcode() == Opcodes.INVOKESTATIC ? 0 : 1;
        for (int index = 0; index < types.length; index++) {
            if (written.contains(local + index)) {
                arrays.add(step.origins(types.length - 1 - index));
            }
        }
        return arrays;
    }

    /** A parameter that goes on to Store is written as it should be, so not learnt. */
    private boolean learnParameters(Step step) {
        boolean grew = false;
        if (step.isCallOfStore()) {
            return false;
        }
        for (Set<AbstractInsnNode> array : written(step)) {
            for (AbstractInsnNode origin : array) {
                if (origin instanceof VarInsnNode parameter) {
                    grew |= writtenParameters
                        .computeIfAbsent(step.method().name + step.method().desc,
                            key -> new HashSet<>())
                        .add(parameter.var);
                }
            }
        }
        return grew;
    }

    private void analyze(ClassNode node, MethodNode method) {
        Frame<SourceValue>[] frames;
        try {
            frames = new Analyzer<>(new Origins()).analyze(node.name, method);
        } catch (AnalyzerException error) {
            throw new IllegalStateException(node.name + "." + method.name, error);
        }
        for (int index = 0; index < frames.length; index++) {
            if (frames[index] != null) {
                steps.add(new Step(node, method, method.instructions.get(index), frames[index]));
            }
        }
    }

    private ClassNode named(String name) {
        return classes.stream().filter(node -> node.name.equals(name)).findFirst().orElse(null);
    }
}
