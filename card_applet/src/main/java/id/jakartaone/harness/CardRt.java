package id.jakartaone.harness;

import com.licel.jcardsim.base.ApduCase;
import com.licel.jcardsim.base.SimulatorRuntime;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javacard.framework.APDU;
import javacard.framework.AID;
import javacard.framework.Applet;
import javacard.framework.CardRuntimeException;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.security.RandomData;

/**
 * The operating system of one card: the simulator's runtime with what it lacks, that is real
 * transactions, loss of power, exact selection by AID and a default application.
 *
 * <p>One thread a card at a time; the runtime of a thread is the card that it last spoke to.
 */
final class CardRt extends SimulatorRuntime {
    private static final int ANSWER_BYTES = 258;
    private static final int SHA_BYTES = 32;
    private static final Field EXTENDED = ownField("extendedAPDU");
    private static final Field RESPONSE = ownField("responseBuffer");
    private static final ThreadLocal<CardRt> CURRENT = new ThreadLocal<>();
    private static APDU sharedExtended;

    private final Ram ram;
    private final Memory memory = new Memory();
    private final List<Applet> installed = new ArrayList<>(2);
    private final List<AID> names = new ArrayList<>(2);
    private final byte[] apduBuffer;
    private byte[] seed = {};
    private int drawn;

    CardRt() {
        this(new Ram());
    }

    private CardRt(Ram ram) {
        super(ram);
        this.ram = ram;
        apduBuffer = shortAPDU.getBuffer();
        shareBigBuffers();
    }

    /** The card whose applet is running on this thread. */
    static CardRt current() {
        return CURRENT.get();
    }

    Memory memory() {
        return memory;
    }

    List<Applet> applets() {
        return List.copyOf(installed);
    }

    /** Whether what is stored into this array stays when the power goes. */
    boolean persists(Object array) {
        return array != apduBuffer && !ram.holds(array);
    }

    /** Redirect the applets' random bytes: SHA-256(seed | counter 4)[:n]; empty is SecureRandom. */
    void seed(byte[] bytes) {
        seed = bytes.clone();
        drawn = 0;
        if (bytes.length >= Long.BYTES) {
            memory.seedCoin(java.nio.ByteBuffer.wrap(bytes).getLong());
        }
    }

    /**
     * Install the applications of a kind of card and power it up.
     *
     * @throws Torn if the armed tear fired: then there is no card
     */
    void install(Kind kind) {
        activate();
        memory.startCommand();
        for (Kind.Application application : kind.applications()) {
            AID name = new AID(application.aid(), (short) 0, (byte) application.aid().length);
            currentAID = name;
            registrationCallback.set((applet, given) -> {
                names.add(given == null ? name : given);
                installed.add(applet);
                applets.put(names.get(names.size() - 1),
                    new ApplicationInstance(names.get(names.size() - 1), applet));
            });
            int before = installed.size();
            try {
                application.install(parameters(application.aid()));
            } catch (InvocationTargetException error) {
                memory.checkAlive();
                throw new IllegalStateException("install of " + application + " failed: "
                    + reason(error.getCause()), error.getCause());
            } finally {
                registrationCallback.remove();
            }
            if (installed.size() != before + 1) {
                throw new IllegalStateException(application + " registered no applet");
            }
        }
        powerUp();
    }

    /** Field off and on again: rolled back, transient memory zero, the default one current. */
    void powerUp() {
        activate();
        memory.powerUp();
        ram.forgetAll();
        selecting = false;
        responseBufferSize = 0;
        previousAID = null;
        currentAID = names.get(0);
        installed.get(0).select();
    }

    @Override
    public void reset() {
        powerUp();
    }

    /**
     * Answer one command as the platform does.
     *
     * @throws Torn if the armed tear fired; the caller powers the card up
     */
    @Override
    public byte[] transmitCommand(byte[] command) {
        activate();
        memory.startCommand();
        if (!isShort(command)) {
            return status(ISO7816.SW_WRONG_LENGTH);
        }
        int chosen = selected(command);
        if (chosen >= 0) {
            leave();
            currentAID = names.get(chosen);
        }
        selecting = chosen >= 0;
        responseBufferSize = 0;
        usingExtendedAPDUs = false;
        short sw = run(installed.get(names.indexOf(currentAID)), command);
        memory.checkAlive();
        memory.endCommand();
        return answer(sw);
    }

    private short run(Applet applet, byte[] command) {
        try {
            if (selecting && !applet.select()) {
                return ISO7816.SW_APPLET_SELECT_FAILED;
            }
            byte[] taken = withoutLe(command);
            resetAPDU(shortAPDU, ApduCase.getCase(taken), taken);
            applet.process(shortAPDU);
            return ISO7816.SW_NO_ERROR;
        } catch (ISOException refusal) {
            return refusal.getReason();
        } catch (RuntimeException fault) {
            return ISO7816.SW_UNKNOWN;
        } finally {
            selecting = false;
            resetAPDU(shortAPDU, null, null);
        }
    }

    private void leave() {
        int current = names.indexOf(currentAID);
        try {
            installed.get(current).deselect();
        } catch (RuntimeException fault) {
            // The applet goes all the same: the runtime specification ignores what deselect throws.
            responseBufferSize = 0;
        }
        memory.checkAlive();
        if (memory.isOpen()) {
            memory.abort();
        }
        ram.forgetSelection();
        previousAID = currentAID;
    }

    @Override
    public void beginTransaction() {
        memory.begin();
    }

    @Override
    public void abortTransaction() {
        memory.abort();
    }

    @Override
    public void commitTransaction() {
        memory.commit();
    }

    @Override
    public byte getTransactionDepth() {
        return (byte) (memory.isOpen() ? 1 : 0);
    }

    @Override
    public short getUnusedCommitCapacity() {
        return (short) memory.unusedCapacity();
    }

    @Override
    public short getMaxCommitCapacity() {
        return (short) Memory.CAPACITY;
    }

    /** The applet's random bytes, drawn from the seed if there is one. */
    byte[] random(RandomData source, int length) {
        byte[] bytes = new byte[length];
        if (seed.length == 0) {
            source.nextBytes(bytes, (short) 0, (short) length);
            return bytes;
        }
        for (int at = 0; at < length; at += SHA_BYTES) {
            byte[] block = block(drawn++);
            System.arraycopy(block, 0, bytes, at, Math.min(SHA_BYTES, length - at));
        }
        return bytes;
    }

    private byte[] block(int counter) {
        try {
            MessageDigest sha = MessageDigest.getInstance("SHA-256");
            sha.update(seed);
            return sha.digest(java.nio.ByteBuffer.allocate(Integer.BYTES).putInt(counter).array());
        } catch (NoSuchAlgorithmException error) {
            throw new AssertionError(error);
        }
    }

    private void activate() {
        activateSimulatorRuntimeInstance();
        CURRENT.set(this);
    }

    /** The index of the application whose whole AID this command selects, or -1. */
    private int selected(byte[] command) {
        if (command.length < 6 || command[0] != 0 || command[1] != ISO7816.INS_SELECT
            || command[2] != 4 || command[3] != 0) {
            return -1;
        }
        for (int index = 0; index < names.size(); index++) {
            if (names.get(index).equals(command, (short) 5, command[4])) {
                return index;
            }
        }
        return -1;
    }

    private byte[] answer(short sw) {
        int size = sw == ISO7816.SW_NO_ERROR ? responseBufferSize : 0;
        byte[] answer = Arrays.copyOf(responseBuffer, size + 2);
        answer[size] = (byte) (sw >> 8);
        answer[size + 1] = (byte) sw;
        return answer;
    }

    private static byte[] status(short sw) {
        return new byte[] {(byte) (sw >> 8), (byte) sw};
    }

    /** Whether these bytes are a short command: header, then Le, or Lc and data with or without. */
    private static boolean isShort(byte[] command) {
        if (command.length <= 5) {
            return command.length >= 4;
        }
        int behind = command.length - 5 - (command[4] & 0xFF);
        return command[4] != 0 && (behind == 0 || behind == 1);
    }

    /** A command without the Le behind its data, which is ignored, and does not fit after 255. */
    private static byte[] withoutLe(byte[] command) {
        boolean carries = command.length > 5;
        return carries ? Arrays.copyOf(command, 5 + (command[4] & 0xFF)) : command;
    }

    /** Install parameters as a card gets them: AID, no privileges, no data, each with length. */
    private static byte[] parameters(byte[] aid) {
        byte[] parameters = new byte[aid.length + 3];
        parameters[0] = (byte) aid.length;
        System.arraycopy(aid, 0, parameters, 1, aid.length);
        return parameters;
    }

    private static String reason(Throwable cause) {
        return cause instanceof CardRuntimeException card
            ? cause + " with reason " + Integer.toHexString(card.getReason() & 0xFFFF)
            : String.valueOf(cause);
    }

    private static Field ownField(String name) {
        try {
            Field field = SimulatorRuntime.class.getDeclaredField(name);
            field.setAccessible(true);
            return field;
        } catch (NoSuchFieldException error) {
            throw new AssertionError(error);
        }
    }

    /** Give back the two 32 KiB buffers for extended commands, which no card here takes. */
    private void shareBigBuffers() {
        synchronized (CardRt.class) {
            if (sharedExtended == null) {
                sharedExtended = extendedAPDU;
            }
            Fields.set(this, EXTENDED, sharedExtended);
        }
        Fields.set(this, RESPONSE, new byte[ANSWER_BYTES]);
    }
}
