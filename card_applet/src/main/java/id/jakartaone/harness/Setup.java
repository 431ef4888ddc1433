package id.jakartaone.harness;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;

/** The methods that run at install only: constructors, install, and what only these call. */
final class Setup {
    private static final String INSTALL = "install([BSB)V";

    private final Set<String> methods = new HashSet<>();

    Setup(List<ClassNode> classes) {
        Map<String, List<String>> callers = new HashMap<>();
        for (ClassNode node : classes) {
            for (MethodNode method : node.methods) {
                String name = name(node, method);
                if (method.name.equals("<init>") || (method.name + method.desc).equals(INSTALL)) {
                    methods.add(name);
                }
                for (AbstractInsnNode instruction : method.instructions) {
                    if (instruction instanceof MethodInsnNode call) {
                        callers.computeIfAbsent(call.owner + "." + call.name + call.desc,
                            key -> new ArrayList<>()).add(name);
                    }
                }
            }
        }
        boolean grew = true;
        while (grew) {
            grew = false;
            for (Map.Entry<String, List<String>> entry : callers.entrySet()) {
                grew |= methods.containsAll(entry.getValue()) && methods.add(entry.getKey());
            }
        }
    }

    boolean has(ClassNode node, MethodNode method) {
        return methods.contains(name(node, method));
    }

    private static String name(ClassNode node, MethodNode method) {
        return node.name + "." + method.name + method.desc;
    }
}
