package id.jakartaone.harness;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.tree.ClassNode;

/**
 * Refuses class files that a card could not load or that would not survive a tear: it stands in
 * for the converter of a vendor's kit, which is not here. It sees patterns in the class files, not
 * every program: what it cannot see the harness counts when the applets run.
 */
final class Gate {
    private Gate() {
    }

    /** Findings over all class files under a folder, in order; none is a pass. */
    static List<String> check(Path folder) throws IOException {
        List<byte[]> classes = new ArrayList<>();
        if (!Files.isDirectory(folder)) {
            throw new IOException("expected a folder of class files, " + folder + " is none");
        }
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.filter(path -> path.toString().endsWith(".class")).sorted()
                    .toList()) {
                classes.add(Files.readAllBytes(file));
            }
        }
        if (classes.isEmpty()) {
            throw new IOException("no class file under " + folder
                + ": build card_applet, then name target/classes/id/jakartaone/card");
        }
        return check(classes);
    }

    /** Findings over these class files, which are all that go onto the card. */
    static List<String> check(List<byte[]> files) {
        List<ClassNode> classes = new ArrayList<>();
        for (byte[] file : files) {
            ClassNode node = new ClassNode();
            new ClassReader(file).accept(node, ClassReader.SKIP_FRAMES);
            classes.add(node);
        }
        List<String> findings = new ArrayList<>();
        for (ClassNode node : classes) {
            new GateLanguage(node, findings).check();
        }
        if (findings.isEmpty()) {
            new GateMemory(new Flow(classes), new Setup(classes), findings).check();
        }
        return findings;
    }
}
