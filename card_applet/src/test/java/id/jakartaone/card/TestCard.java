package id.jakartaone.card;

import static id.jakartaone.card.Aes.hex;
import static id.jakartaone.card.Aes.join;
import static id.jakartaone.card.Aes.number;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.licel.jcardsim.base.Simulator;
import com.licel.jcardsim.base.SimulatorRuntime;
import java.util.Arrays;
import java.util.HexFormat;
import javacard.framework.AID;
import javacard.framework.Applet;

/** One applet in a runtime of its own, which can tell more than an answer: its status word too. */
final class TestCard {
    private final Simulator simulator = new Simulator(new SimulatorRuntime());
    private final AID aid;
    private final byte[] aidBytes;

    TestCard(String aid, Class<? extends Applet> applet) {
        aidBytes = hex(aid);
        this.aid = new AID(aidBytes, (short) 0, (byte) aidBytes.length);
        simulator.installApplet(this.aid, applet);
        simulator.selectApplet(this.aid);
    }

    /** Sends a command; returns data and status word. */
    byte[] send(int cla, int ins, int p1, int p2, byte[]... data) {
        byte[] head = {(byte) cla, (byte) ins, (byte) p1, (byte) p2};
        byte[] body = join(data);
        byte[] apdu = body.length == 0 ? head : join(head, number(body.length, 1), body);
        return simulator.transmitCommand(apdu);
    }

    /** Sends a command that must succeed; returns its data. */
    byte[] ok(int cla, int ins, int p1, int p2, byte[]... data) {
        byte[] answer = send(cla, ins, p1, p2, data);
        assertEquals(
                "9000", statusOf(answer), () -> String.format("%02X %02X %02X", ins, p1, p2));
        return Arrays.copyOf(answer, answer.length - 2);
    }

    /** Sends a command that must be refused with a status word and no data. */
    void refused(String status, int cla, int ins, int p1, int p2, byte[]... data) {
        byte[] answer = send(cla, ins, p1, p2, data);
        assertEquals(
                status.toLowerCase(),
                HexFormat.of().formatHex(answer),
                () -> String.format("%02X %02X %02X", ins, p1, p2));
    }

    byte[] select() {
        return ok(0, 0xA4, 4, 0, aidBytes);
    }

    void reset() {
        simulator.reset();
        simulator.selectApplet(aid);
    }

    private static String statusOf(byte[] answer) {
        return HexFormat.of().formatHex(answer, answer.length - 2, answer.length);
    }
}
