package id.jakartaone.card;

import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.Util;
import javacard.security.RandomData;

/**
 * The SAM: holds a terminal's keys, believes no card without S1, orders with S2, checks S3.
 *
 * <p>AUTHENTICATE is worked out in {@link SamOrder}. A SAM never holds a TAC key.
 */
public final class SamApplet extends Application {
    static final byte INS_CHALLENGE = 0x20;
    static final byte INS_AUTHENTICATE = 0x22;
    static final byte INS_CONFIRM = 0x24;
    static final byte INS_RESTORE = 0x26;

    /** In {@code session[OPEN]}: a challenge was given; an order was signed. */
    static final byte CHALLENGED = 1;

    static final byte ORDERED = 2;

    /** Places in {@code session}. */
    static final short CHALLENGE = OWN;

    static final short CHALLENGE_SIZE = 8;

    static final short WORK_SIZE = 64;

    private static final short TRANSACTION = 40; // bytes changed by the largest, STORE DATA
    private static final byte VERSION = 1;
    private static final short VALUE_ANSWER_SIZE = 24;
    private static final short VALUE_NT = 4; // in a value command's answer
    private static final short RECEIPT_SIZE = 16; // number 4, amount 4, MAC 8

    final SamState state;
    final byte[] work;

    private final SamOrder order;
    private final RandomData random;

    private SamApplet() {
        super(
                CHALLENGE_SIZE,
                TRANSACTION,
                new Personalisation((short) (1 + SamState.KEY_SETS), (short) 1, true));
        state = new SamState(personalisation);
        work = JCSystem.makeTransientByteArray(WORK_SIZE, JCSystem.CLEAR_ON_DESELECT);
        order = new SamOrder(this);
        random = RandomData.getInstance(RandomData.ALG_SECURE_RANDOM);
    }

    /** Installs a SAM that is not issued; STORE DATA fills it. */
    public static void install(byte[] parameters, short at, byte size) {
        new SamApplet().register();
    }

    @Override
    boolean knows(byte ins) {
        return ins == INS_CHALLENGE
                || ins == INS_AUTHENTICATE
                || ins == INS_CONFIRM
                || ins == INS_RESTORE;
    }

    @Override
    boolean needsSelect(byte ins) {
        return false;
    }

    @Override
    short said(byte[] buffer) {
        byte[] data = state.data;
        short end = DATA;
        buffer[end++] = VERSION;
        end = Util.arrayCopyNonAtomic(data, SamState.SAM, buffer, end, (short) 8); // and terminal
        end = Util.arrayCopyNonAtomic(data, SamState.COUNTER, buffer, end, (short) 4);
        end =
                Util.arrayCopyNonAtomic(
                        data, SamState.UNACKNOWLEDGED, buffer, end, Rupiah.SIZE);
        end = Util.arrayCopyNonAtomic(data, SamState.CEILING, buffer, end, Rupiah.SIZE);
        return (short) (end - DATA);
    }

    @Override
    short answer(byte[] buffer, short size) {
        switch (buffer[INS]) {
            case INS_CHALLENGE:
                return giveChallenge(buffer, size);
            case INS_AUTHENTICATE:
                return order.authenticate(buffer, size);
            case INS_CONFIRM:
                return confirm(buffer, size);
            default:
                return restore(buffer, size);
        }
    }

    @Override
    void store(byte[] buffer, short size) {
        byte block = buffer[P2];
        if (block == 1) {
            checkSize(size, SamState.OWN_SIZE);
            personalisation.keep(buffer, state.data, (short) 0, size);
        } else {
            checkSize(size, SamState.KEY_SET_SIZE);
            personalisation.keep(buffer, state.keys, SamState.keySetAt(block), size);
        }
    }

    private short giveChallenge(byte[] buffer, short size) {
        checkNoParameters(buffer);
        checkSize(size, (short) 0);
        random.generateData(session, CHALLENGE, CHALLENGE_SIZE);
        short end = Util.arrayCopyNonAtomic(session, CHALLENGE, buffer, DATA, CHALLENGE_SIZE);
        byte[] data = state.data;
        end = Util.arrayCopyNonAtomic(data, SamState.SAM, buffer, end, (short) 8); // and terminal
        end = Util.arrayCopyNonAtomic(data, SamState.COUNTER, buffer, end, (short) 4);
        session[OPEN] = CHALLENGED;
        return (short) (end - DATA);
    }

    /** Checks S3: the card did what was ordered; gives S4 where the terminal wants it. */
    private short confirm(byte[] buffer, short size) {
        byte ins = buffer[P1];
        byte wantsHeard = buffer[P2];
        boolean moved = SamOrder.movesValue(ins);
        if (!SamOrder.isOrder(ins) || wantsHeard < 0 || wantsHeard > (moved ? 1 : 0)) {
            ISOException.throwIt(Sw.WRONG_PARAMETERS);
        }
        if (wantsHeard != 0 ? size != VALUE_ANSWER_SIZE : size <= Mac.SIZE) {
            ISOException.throwIt(Sw.WRONG_LENGTH);
        }
        checkOpen(ORDERED);
        short told = (short) (size - Mac.SIZE);
        short head = (short) (DATA - 2);
        buffer[head] = CARD_DID;
        buffer[(short) (head + 1)] = ins;
        if (!mac.sessionHolds(buffer, head, (short) (2 + told), buffer, (short) (DATA + told))) {
            ISOException.throwIt(Sw.WRONG_MAC);
        }
        if (ins == PurseApplet.INS_READ_LOG) {
            session[OPEN] = ORDERED;
        }
        if (wantsHeard == 0) {
            return 0;
        }
        work[0] = TERMINAL_HEARD;
        work[1] = PurseApplet.INS_CONFIRM;
        work[2] = 0;
        short end =
                Util.arrayCopyNonAtomic(
                        buffer, (short) (DATA + VALUE_NT), work, (short) 3, (short) 4);
        mac.sessionMac(work, (short) 0, end, buffer, DATA);
        return Mac.SIZE;
    }

    /** Takes a server's receipt: what it acknowledges may be ordered again. */
    private short restore(byte[] buffer, short size) {
        checkNoParameters(buffer);
        checkSize(size, RECEIPT_SIZE);
        byte[] data = state.data;
        short amount = (short) (DATA + 4);
        short end = Labels.putReceipt(work, (short) 0);
        end = Util.arrayCopyNonAtomic(data, SamState.SAM, work, end, (short) 4);
        end = Util.arrayCopyNonAtomic(buffer, DATA, work, end, (short) 8);
        if (!mac.holds(
                data,
                SamState.RECEIPT_KEY,
                work,
                (short) 0,
                end,
                buffer,
                (short) (DATA + 8))) {
            ISOException.throwIt(Sw.WRONG_MAC);
        }
        if (!Rupiah.greater(buffer, DATA, data, SamState.RECEIPT)) {
            ISOException.throwIt(Sw.WRONG_STATE);
        }
        if (Rupiah.subtract(data, SamState.UNACKNOWLEDGED, buffer, amount, work, (short) 0)) {
            ISOException.throwIt(Sw.WRONG_DATA);
        }
        JCSystem.beginTransaction();
        Store.copy(work, (short) 0, data, SamState.UNACKNOWLEDGED, Rupiah.SIZE);
        Store.copy(buffer, DATA, data, SamState.RECEIPT, (short) 4);
        JCSystem.commitTransaction();
        Util.arrayCopyNonAtomic(work, (short) 0, buffer, DATA, Rupiah.SIZE);
        session[OPEN] = session[WAS];
        return Rupiah.SIZE;
    }
}
