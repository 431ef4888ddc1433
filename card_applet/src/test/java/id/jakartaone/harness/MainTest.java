package id.jakartaone.harness;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MainTest {
    private static Process start(String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp",
            System.getProperty("java.class.path"), Main.class.getName()));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command).redirectErrorStream(true).start();
    }

    private static BufferedReader said(Process process) {
        return new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    }

    @Test
    void saysItsPortServesThereAndEndsWithItsStdin() throws Exception {
        Process harness = start("--port", "0");
        String[] ready = said(harness).readLine().split(" ");
        assertEquals("ready", ready[0]);
        new Socket(InetAddress.getByName("127.0.0.1"), Integer.parseInt(ready[1])).close();
        harness.getOutputStream().close();
        assertEquals(0, harness.waitFor());
    }

    @ParameterizedTest
    @CsvSource({
        "--port, x, For input string",
        "--port, 99999, 99999",
        "--gate, /nowhere, expected a folder of class files",
        "--what, 0, usage"})
    void wrongUseIsSaidInOneLineWithExitStatusTwo(String option, String value, String expected)
            throws Exception {
        Process harness = start(option, value);
        List<String> lines = said(harness).lines().toList();
        assertEquals(2, harness.waitFor());
        assertEquals(1, lines.size(), lines.toString());
        assertTrue(lines.get(0).contains(expected), lines.toString());
    }

    @Test
    void theGatePassesTheAppletsWithExitStatusZero() throws Exception {
        Process harness = start("--gate", "target/classes/id/jakartaone/card");
        assertEquals(0, said(harness).lines().count());
        assertEquals(0, harness.waitFor());
    }
}
