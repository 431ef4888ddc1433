package id.jakartaone.card;

import javacard.framework.ISOException;
import javacard.framework.Util;
import javacard.security.RandomData;

/** INIT: opens a session for one purpose, and proves all that SELECT said. It writes nothing. */
final class PurseInit {
    // The command as it lies behind its header; SAM 4 between terminal and RT.
    private static final short AMOUNT = Application.DATA;
    private static final short TERMINAL = 9;
    private static final short RT = 17;
    private static final short INIT_SIZE = 20;
    private static final short CHALLENGE_SIZE = 8;
    private static final short ANSWER_SIZE = 18; // without S1
    private static final short WRONG_MACS_MOST = 15;
    private static final short WRONG_MACS_END = 255;
    private static final byte KIND_LAST_DEBIT = 3;

    private final PurseApplet purse;
    private final PurseState state;
    private final RandomData random;

    PurseInit(PurseApplet purse) {
        this.purse = purse;
        state = purse.state;
        random = RandomData.getInstance(RandomData.ALG_SECURE_RANDOM);
    }

    /** Opens a session and proves all that SELECT said; writes nothing. */
    short open(byte[] buffer, short size) {
        byte[] session = purse.session;
        byte mode = buffer[Application.P1];
        byte number = buffer[Application.P2];
        if (!opens(mode, number)) {
            ISOException.throwIt(Sw.WRONG_PARAMETERS);
        }
        Application.checkSize(size, INIT_SIZE);
        boolean issuers = mode == PurseApplet.MODE_ADMIN;
        if (state.wrongMacs() >= (issuers ? WRONG_MACS_END : WRONG_MACS_MOST)) {
            ISOException.throwIt(Sw.MAC_BLOCKED);
        }
        checkAmount(mode, number, buffer);
        session[PurseApplet.PURSE] = number;
        Util.arrayCopyNonAtomic(buffer, AMOUNT, session, PurseApplet.AMOUNT, (short) 12); // to SAM
        deriveSession(mode, buffer);
        proveSaid(mode, number, buffer);
        session[Application.OPEN] = mode;
        return (short) (ANSWER_SIZE + Mac.SIZE);
    }

    private boolean opens(byte mode, byte number) {
        switch (mode) {
            case PurseApplet.MODE_DEBIT:
            case PurseApplet.MODE_CREDIT:
            case PurseApplet.MODE_CANCEL:
                return state.has(number);
            case PurseApplet.MODE_PROOF:
            case PurseApplet.MODE_ADMIN:
                return number == PurseState.MAIN && state.has(number);
            default:
                return false;
        }
    }

    /** Refuses an amount that the purse cannot give, take or give back. */
    private void checkAmount(byte mode, byte number, byte[] buffer) {
        byte[] data = state.data;
        byte[] work = purse.work;
        short balance = PurseState.balanceAt(number);
        if (mode == PurseApplet.MODE_DEBIT && Rupiah.greater(buffer, AMOUNT, data, balance)) {
            ISOException.throwIt(Sw.BALANCE_TOO_LOW);
        }
        if (mode == PurseApplet.MODE_CREDIT
                && (Rupiah.add(data, balance, buffer, AMOUNT, work, (short) 0)
                        || Rupiah.greater(
                                work, (short) 0, data, PurseState.limitAt(number)))) {
            ISOException.throwIt(Sw.LIMIT_EXCEEDED);
        }
        if (mode == PurseApplet.MODE_CANCEL && !canCancel(number, buffer)) {
            ISOException.throwIt(Sw.REFERENCE_UNKNOWN);
        }
    }

    /** Returns whether the last transaction is a debit of this purse, amount and terminal. */
    private boolean canCancel(byte number, byte[] buffer) {
        PurseLog log = purse.log;
        return log.has((short) 1)
                && log.last(PurseLog.KIND) <= KIND_LAST_DEBIT
                && log.last(PurseLog.PURSE) == number
                && log.lastIs(PurseLog.AMOUNT, buffer, AMOUNT, Rupiah.SIZE)
                && log.lastIs(PurseLog.TERMINAL, buffer, TERMINAL, (short) 4);
    }

    private void deriveSession(byte mode, byte[] buffer) {
        byte[] session = purse.session;
        random.generateData(session, PurseApplet.CONTEXT, CHALLENGE_SIZE);
        short end = (short) (PurseApplet.CONTEXT + CHALLENGE_SIZE);
        end = Util.arrayCopyNonAtomic(buffer, RT, session, end, CHALLENGE_SIZE);
        end = Util.arrayCopyNonAtomic(state.data, PurseState.NT, session, end, (short) 4);
        Util.arrayCopyNonAtomic(buffer, TERMINAL, session, end, (short) 4);
        short key = PurseState.KEYS;
        if (mode == PurseApplet.MODE_CREDIT) {
            key = PurseState.LOAD_KEY;
        } else if (mode == PurseApplet.MODE_ADMIN) {
            key = PurseState.ADMIN_KEY;
        }
        purse.mac.open(
                state.data,
                key,
                Labels.SESSION_MAC,
                session,
                PurseApplet.CONTEXT,
                PurseApplet.CONTEXT_SIZE);
    }

    /** Writes INIT's answer with S1, over mode, purse, SELECT's answer, INIT's data and its own. */
    private void proveSaid(byte mode, byte number, byte[] buffer) {
        byte[] data = state.data;
        byte[] work = purse.work;
        work[0] = Application.CARD_SAYS;
        work[1] = mode;
        work[2] = number;
        short end =
                Util.arrayCopyNonAtomic(
                        data, PurseState.SAID, work, (short) 3, PurseState.SAID_SIZE);
        end = Util.arrayCopyNonAtomic(buffer, Application.DATA, work, end, INIT_SIZE);
        short answer = end;
        end =
                Util.arrayCopyNonAtomic(
                        purse.session, PurseApplet.CONTEXT, work, end, CHALLENGE_SIZE);
        end = Util.arrayCopyNonAtomic(data, PurseState.NT, work, end, (short) 4);
        end =
                Util.arrayCopyNonAtomic(
                        data, PurseState.balanceAt(number), work, end, Rupiah.SIZE);
        end = Util.arrayCopyNonAtomic(data, PurseState.STATUS, work, end, (short) 2);
        Util.arrayCopyNonAtomic(work, answer, buffer, Application.DATA, ANSWER_SIZE);
        short s1 = (short) (Application.DATA + ANSWER_SIZE);
        purse.mac.sessionMac(work, (short) 0, end, buffer, s1);
    }
}
