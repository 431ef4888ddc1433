package id.jakartaone.harness;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Starts the harness: serves cards until stdin closes. */
public final class Main {
    private static final String USAGE = "usage: Main --port PORT (0 is any) | --gate DIR";

    private Main() {
    }

    /** Run one of the two; exit status 2 on wrong use, with the reason on stderr. */
    public static void main(String[] arguments) {
        try {
            if (arguments.length == 2 && arguments[0].equals("--port")) {
                serve(Integer.parseInt(arguments[1]));
            } else if (arguments.length == 2 && arguments[0].equals("--gate")) {
                gate(Path.of(arguments[1]));
            } else {
                throw new IllegalArgumentException(USAGE);
            }
        } catch (IOException | IllegalArgumentException error) {
            System.err.println("harness: " + error.getMessage());
            System.exit(2);
        }
    }

    /** Print what the gate finds; exit status 1 if it finds anything. */
    private static void gate(Path folder) throws IOException {
        List<String> findings = Gate.check(folder);
        findings.forEach(System.out::println);
        System.exit(findings.isEmpty() ? 0 : 1);
    }

    private static void serve(int port) throws IOException {
        System.setProperty("com.licel.jcardsim.randomdata.secure", "1");
        warmUp();
        Server server = new Server(Kind::numbered, () -> Runtime.getRuntime().halt(0));
        System.out.println("ready " + server.start(port));
        System.out.flush();
        while (System.in.read() >= 0) {
            continue;
        }
        System.exit(0);
    }

    /** Load the applets before anybody waits for them: what is missing or broken shows here. */
    private static void warmUp() {
        for (int kind = 1; kind <= 2; kind++) {
            CardSlot.make(Kind.numbered(kind), 0).orElseThrow().apdu(new byte[] {0, 0, 0, 0});
        }
    }
}
