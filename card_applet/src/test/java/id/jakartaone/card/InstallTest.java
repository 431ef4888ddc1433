package id.jakartaone.card;

import static id.jakartaone.card.Aes.hex;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.licel.jcardsim.base.Simulator;
import com.licel.jcardsim.base.SimulatorRuntime;
import javacard.framework.AID;
import javacard.framework.Applet;
import javacard.framework.SystemException;
import org.junit.jupiter.api.Test;

/** A card whose transactions are too small for an applet is refused at install, not at a gate. */
class InstallTest {
    /** A runtime that says how many bytes a transaction may change. */
    private static final class Small extends SimulatorRuntime {
        private final short capacity;

        Small(int capacity) {
            this.capacity = (short) capacity;
        }

        @Override
        public short getUnusedCommitCapacity() {
            return capacity;
        }
    }

    @Test
    void eachAppletNeedsRoomForItsLargestTransaction() {
        assertNeeds(128, "F04A4B543101", PurseApplet.class);
        assertNeeds(56, "F04A4B543102", IdentityApplet.class);
        assertNeeds(40, "F04A4B543153", SamApplet.class);
    }

    private static void assertNeeds(int bytes, String aid, Class<? extends Applet> applet) {
        assertThrows(SystemException.class, () -> install(bytes - 1, aid, applet));
        assertDoesNotThrow(() -> install(bytes, aid, applet));
    }

    private static void install(int capacity, String aid, Class<? extends Applet> applet) {
        byte[] bytes = hex(aid);
        AID name = new AID(bytes, (short) 0, (byte) bytes.length);
        new Simulator(new Small(capacity)).installApplet(name, applet);
    }
}
