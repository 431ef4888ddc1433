package id.jakartaone.harness;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javacard.security.KeyBuilder;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.FieldInsnNode;
import org.objectweb.asm.tree.IntInsnNode;
import org.objectweb.asm.tree.MethodInsnNode;

/**
 * How classes treat memory: everything is made at install, what persists is written through the
 * class Store alone, and constant arrays are not written at all. A field holds RAM if every store
 * into it stores the outcome of makeTransient or another field that holds RAM.
 */
final class GateMemory {
    private static final Set<String> CREATORS = Set.of("getInstance", "buildKey");
    private static final Set<Integer> RAM_KEYS = Set.of(
        (int) KeyBuilder.TYPE_AES_TRANSIENT_RESET, (int) KeyBuilder.TYPE_AES_TRANSIENT_DESELECT);

    private final Flow flow;
    private final Setup setup;
    private final List<String> findings;
    private Map<String, Boolean> ram = new HashMap<>();

    GateMemory(Flow flow, Setup setup, List<String> findings) {
        this.flow = flow;
        this.setup = setup;
        this.findings = findings;
    }

    void check() {
        Map<String, Boolean> before;
        do {
            before = ram;
            ram = new HashMap<>();
            for (Flow.Step step : flow.steps()) {
                learn(step, before);
            }
        } while (!ram.equals(before));
        flow.steps().forEach(this::judge);
    }

    private void learn(Flow.Step step, Map<String, Boolean> known) {
        if (step.at().getOpcode() != Opcodes.PUTFIELD) {
            return;
        }
        boolean transients = !step.origins(0).isEmpty();
        for (AbstractInsnNode origin : step.origins(0)) {
            transients &= origin instanceof MethodInsnNode call
                && call.name.startsWith("makeTransient")
                || origin.getOpcode() == Opcodes.GETFIELD
                && known.getOrDefault(flow.declared((FieldInsnNode) origin), false);
        }
        ram.merge(flow.declared((FieldInsnNode) step.at()), transients, Boolean::logicalAnd);
    }

    private void judge(Flow.Step step) {
        if (step.at() instanceof MethodInsnNode call && call.name.equals("buildKey")) {
            key(step);
        }
        if (step.method().name.equals("<clinit>")) {
            return;
        }
        flow.written(step).forEach(array -> constants(step, array));
        if (setup.has(step.node(), step.method())) {
            return;
        }
        if (creates(step.at())) {
            add(step, "makes an object outside the constructor: a card would fill up; "
                + "make it at install and keep it");
        } else if (step.at().getOpcode() == Opcodes.PUTFIELD) {
            add(step, "stores into field " + ((FieldInsnNode) step.at()).name
                + ", which persists; keep it in a transient array or write it through Store");
        }
        if (step.isOfStore()) {
            store(step);
        } else if (!step.isCallOfStore()) {
            flow.written(step).forEach(array -> target(step, array));
        }
    }

    private void constants(Flow.Step step, Set<AbstractInsnNode> array) {
        for (AbstractInsnNode origin : array) {
            if (origin.getOpcode() == Opcodes.GETSTATIC) {
                add(step, "writes static " + ((FieldInsnNode) origin).name
                    + ", which all cards share; copy it into RAM first");
            }
        }
    }

    private void target(Flow.Step step, Set<AbstractInsnNode> array) {
        for (AbstractInsnNode origin : array) {
            if (origin.getOpcode() == Opcodes.GETFIELD
                && !ram.getOrDefault(flow.declared((FieldInsnNode) origin), false)) {
                add(step, "writes array " + ((FieldInsnNode) origin).name
                    + ", which persists, by itself; write it through Store");
            }
        }
    }

    private void store(Flow.Step step) {
        if (step.at() instanceof MethodInsnNode call && call.name.endsWith("NonAtomic")) {
            add(step, "uses a NonAtomic call, which a transaction does not hold; use arrayCopy");
        }
    }

    private void key(Flow.Step step) {
        for (AbstractInsnNode origin : step.origins(2)) {
            if (!(origin instanceof IntInsnNode push) || !RAM_KEYS.contains(push.operand)) {
                add(step, "makes a key that persists, whose bytes cannot be rolled back here; "
                    + "keep them in an array and use a transient AES key");
            }
        }
    }

    private void add(Flow.Step step, String what) {
        String finding =
            step.node().name.replace('/', '.') + "." + step.method().name + ": " + what;
        if (!findings.contains(finding)) {
            findings.add(finding);
        }
    }

    private static boolean creates(AbstractInsnNode at) {
        return switch (at.getOpcode()) {
            case Opcodes.NEW, Opcodes.NEWARRAY, Opcodes.ANEWARRAY -> true;
            default -> at instanceof MethodInsnNode call && call.owner.startsWith("javacard")
                && (CREATORS.contains(call.name) || call.name.startsWith("makeTransient"));
        };
    }
}
