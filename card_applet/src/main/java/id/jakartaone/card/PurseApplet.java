package id.jakartaone.card;

import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.Util;

/**
 * The purse: who answers what; SELECT, and the commands that only tell what happened.
 *
 * <p>Sessions are opened by {@link PurseInit}, value is moved by {@link PurseValue}, and what the
 * issuer changes is in {@link PurseAdmin}.
 */
public final class PurseApplet extends Application {
    /** What a session is for, P1 of INIT; kept in {@code session[OPEN]}. */
    static final byte MODE_DEBIT = 1;

    static final byte MODE_CREDIT = 2;
    static final byte MODE_CANCEL = 3;
    static final byte MODE_PROOF = 4;
    static final byte MODE_ADMIN = 6;

    /** In {@code session[OPEN]}: value was moved, its session's key waits for CONFIRM. */
    static final byte DONE = 0x7F;

    static final byte INS_INIT = 0x40;
    static final byte INS_DEBIT = 0x42;
    static final byte INS_CREDIT = 0x44;
    static final byte INS_CANCEL = 0x46;
    static final byte INS_PROOF = 0x48;
    static final byte INS_CONFIRM = 0x4A;
    static final byte INS_READ_LOG = 0x4C;
    static final byte INS_BLOCK = 0x4E;
    static final byte INS_PUT_KEY = 0x52;
    static final byte INS_PUT_ENTITLEMENT = 0x54;

    /** Places in {@code session}: the purse, INIT's amount, terminal and SAM, the keys' context. */
    static final short PURSE = OWN;

    static final short AMOUNT = 4;
    static final short TERMINAL = 8;
    static final short CONTEXT = 16; // RC 8, RT 8, NT 4, terminal 4
    static final short CONTEXT_SIZE = 24;
    private static final short SESSION_SIZE = 37;

    /** Bytes of RAM in which answers and transactions are made before anything is written. */
    static final short WORK_SIZE = 128;

    private static final short TRANSACTION = 128; // bytes changed by the largest, a value command

    final PurseState state;
    final PurseLog log;
    final byte[] work;

    private final PurseInit init;
    private final PurseValue value;
    private final PurseAdmin admin;

    private PurseApplet() {
        super(SESSION_SIZE, TRANSACTION, new Personalisation((short) 3, (short) 3, false));
        state = new PurseState();
        log = new PurseLog();
        work = JCSystem.makeTransientByteArray(WORK_SIZE, JCSystem.CLEAR_ON_DESELECT);
        init = new PurseInit(this);
        value = new PurseValue(this);
        admin = new PurseAdmin(this);
    }

    /** Installs a purse that is not issued; STORE DATA fills it. */
    public static void install(byte[] parameters, short at, byte size) {
        new PurseApplet().register();
    }

    @Override
    boolean knows(byte ins) {
        switch (ins) {
            case INS_INIT:
            case INS_DEBIT:
            case INS_CREDIT:
            case INS_CANCEL:
            case INS_PROOF:
            case INS_CONFIRM:
            case INS_READ_LOG:
            case INS_BLOCK:
            case INS_PUT_KEY:
            case INS_PUT_ENTITLEMENT:
                return true;
            default:
                return false;
        }
    }

    @Override
    boolean needsSelect(byte ins) {
        return ins != INS_CONFIRM; // whose value command has ended the SELECT
    }

    @Override
    short said(byte[] buffer) {
        Util.arrayCopyNonAtomic(
                state.data, PurseState.SAID, buffer, DATA, PurseState.SAID_SIZE);
        return PurseState.SAID_SIZE;
    }

    @Override
    short answer(byte[] buffer, short size) {
        switch (buffer[INS]) {
            case INS_INIT:
                return init.open(buffer, size);
            case INS_DEBIT:
            case INS_CREDIT:
            case INS_CANCEL:
                return value.move(buffer, size);
            case INS_PROOF:
                return prove(buffer, size);
            case INS_CONFIRM:
                return confirm(buffer, size);
            case INS_READ_LOG:
                return readLog(buffer, size);
            default:
                return admin.answer(buffer, size);
        }
    }

    @Override
    void store(byte[] buffer, short size) {
        switch (buffer[P2]) {
            case 1:
                storeAt(buffer, size, PurseState.SAID, PurseState.SAID_SIZE);
                break;
            case 2:
                storeAt(buffer, size, PurseState.KEYS, PurseState.KEYS_SIZE);
                break;
            default:
                storeAt(buffer, size, PurseState.PURSES, PurseState.PURSES_SIZE);
                break;
        }
    }

    private void storeAt(byte[] buffer, short size, short at, short expected) {
        checkSize(size, expected);
        personalisation.keep(buffer, state.data, at, size);
    }

    /** Tells the last transaction again, as often as asked; writes nothing. */
    private short prove(byte[] buffer, short size) {
        checkNoParameters(buffer);
        checkSize(size, (short) (4 + Mac.SIZE));
        checkOpen(MODE_PROOF);
        checkOrder(buffer, (byte) 0, size);
        if (!log.has((short) 1)
                || Util.arrayCompare(buffer, DATA, state.data, PurseState.NT, (short) 4) != 0) {
            ISOException.throwIt(Sw.PROOF_UNKNOWN);
        }
        short end = log.readProof(buffer, DATA);
        session[OPEN] = MODE_PROOF;
        return signAnswer(buffer, INS_PROOF, (short) (end - DATA));
    }

    /** Tells one of the last transactions; one S2 serves every record of a session. */
    private short readLog(byte[] buffer, short size) {
        byte record = buffer[P1];
        if (record < 1 || record > PurseLog.ENTRIES || buffer[P2] != 0) {
            ISOException.throwIt(Sw.WRONG_PARAMETERS);
        }
        checkSize(size, Mac.SIZE);
        checkOpen(MODE_PROOF);
        checkOrder(buffer, (byte) 0, size);
        if (!log.has(record)) {
            ISOException.throwIt(Sw.PROOF_UNKNOWN);
        }
        log.read(record, buffer, DATA);
        session[OPEN] = MODE_PROOF;
        return signAnswer(buffer, INS_READ_LOG, PurseLog.ENTRY_SIZE);
    }

    /** Notes that the terminal has the answer of the value command right before. */
    private short confirm(byte[] buffer, short size) {
        checkNoParameters(buffer);
        checkSize(size, Mac.SIZE);
        checkOpen(DONE);
        work[0] = TERMINAL_HEARD;
        work[1] = INS_CONFIRM;
        work[2] = 0;
        short end =
                Util.arrayCopyNonAtomic(state.data, PurseState.NT, work, (short) 3, (short) 4);
        if (!mac.sessionHolds(work, (short) 0, end, buffer, DATA)) {
            refuseMac();
        }
        byte flags = state.flagsWith((byte) 0, PurseState.UNCONFIRMED);
        JCSystem.beginTransaction();
        Store.put(state.data, PurseState.FLAGS, flags);
        JCSystem.commitTransaction();
        endSelect();
        return 0;
    }

    /** Refuses an order whose S2 is wrong, and counts that. */
    void checkOrder(byte[] buffer, byte parameter, short size) {
        if (!orderHolds(buffer, parameter, size)) {
            refuseMac();
        }
    }

    private void refuseMac() {
        state.countWrongMac();
        ISOException.throwIt(Sw.WRONG_MAC);
    }

    /** Forgets that SELECT was answered: what it said is out of date. */
    void endSelect() {
        session[SAID] = NONE;
    }
}
