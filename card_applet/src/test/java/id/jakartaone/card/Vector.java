package id.jakartaone.card;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** One row of a table of vectors/, its cells by the names in the table's head. */
record Vector(String name, Map<String, String> cells) {
    private static final String COMMA_OUTSIDE_QUOTES = ",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)";

    /** Returns the rows of a table, which has at least one. */
    static List<Vector> all(String table) throws IOException {
        List<String[]> rows =
                Files.readAllLines(Path.of("..", "vectors", table)).stream()
                        .map(line -> line.split(COMMA_OUTSIDE_QUOTES, -1))
                        .toList();
        String[] head = rows.get(0);
        List<Vector> vectors = rows.stream().skip(1).map(row -> of(head, row)).toList();
        assertFalse(vectors.isEmpty(), table);
        return vectors;
    }

    boolean has(String column) {
        return !cell(column).isEmpty();
    }

    byte[] hex(String column) {
        return Aes.hex(cell(column));
    }

    long number(String column) {
        return Long.parseLong(cell(column));
    }

    private String cell(String column) {
        assertTrue(cells.containsKey(column), () -> column + " in " + cells.keySet());
        return cells.get(column);
    }

    private static Vector of(String[] head, String[] row) {
        Map<String, String> cells = new TreeMap<>();
        for (int i = 0; i < head.length; i++) {
            cells.put(head[i], row[i]);
        }
        return new Vector(Arrays.toString(Arrays.copyOf(row, 1)), cells);
    }
}
