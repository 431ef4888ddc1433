package id.jakartaone.card;

import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.Util;

/** AUTHENTICATE: checks S1 of a card, and signs what is asked, if anything. */
final class SamOrder {
    /** What a SAM may sign. */
    private static final byte MAY_DEBIT = 1;

    private static final byte MAY_TRANSIT = 2;
    private static final byte MAY_PARKING = 4;
    private static final byte MAY_LOAD = 8;
    private static final byte MAY_ANY_DEBIT = 7;

    private static final byte ROLE_DEBIT = 1;
    private static final byte ROLE_LOAD = 2;

    private static final byte PHASE_RESERVE = 1;
    private static final byte LAST_PHASE = 2;

    // What is shown, behind the header: SELECT's answer, INIT's data, INIT's answer with S1.
    private static final short SAID = Application.DATA;
    private static final short SAID_ISSUER = (short) (SAID + 8);
    private static final short SAID_VERSION = (short) (SAID + 12);
    private static final short AMOUNT = (short) (SAID + 63);
    private static final short TERMINAL = (short) (AMOUNT + 4);
    private static final short SAM = (short) (AMOUNT + 8);
    private static final short RT = (short) (AMOUNT + 12);
    private static final short RC = (short) (AMOUNT + 20);
    private static final short NT = (short) (RC + 8);
    private static final short S1 = (short) (RC + 18);
    private static final short BODY = (short) (S1 + 8);
    private static final short PROVEN_SIZE = 109;
    private static final short VALUE_BODY = 6; // seconds 4, place 2

    // Places in the work bytes, one use after the other.
    private static final short KEY_INPUT = 0; // 19
    private static final short CARD_KEY = 24; // 16
    private static final short CONTEXT = 0; // 24
    private static final short COUNTER = 0; // 4
    private static final short UNACKNOWLEDGED = 4; // 4

    private final SamApplet sam;
    private final SamState state;

    SamOrder(SamApplet sam) {
        this.sam = sam;
        state = sam.state;
    }

    /** Returns whether a SAM signs that instruction of the purse. */
    static boolean isOrder(byte ins) {
        return movesValue(ins)
                || ins == PurseApplet.INS_PROOF
                || ins == PurseApplet.INS_READ_LOG
                || ins == PurseApplet.INS_BLOCK;
    }

    /** Returns whether that instruction of the purse moves value. */
    static boolean movesValue(byte ins) {
        return ins == PurseApplet.INS_DEBIT
                || ins == PurseApplet.INS_CREDIT
                || ins == PurseApplet.INS_CANCEL;
    }

    /** Answers AUTHENTICATE; a challenge serves once. */
    short authenticate(byte[] buffer, short size) {
        byte ins = buffer[Application.P1];
        byte parameter = (byte) (buffer[Application.P2] & 0x0F);
        byte purse = (byte) (((buffer[Application.P2] >> 4) & 0x0F) + PurseState.MAIN);
        checkOrder(ins, parameter, purse);
        Application.checkSize(size, (short) (PROVEN_SIZE + bodySize(ins, parameter)));
        byte needed = needed(ins, parameter);
        if (needed != 0 && (state.data[SamState.MAY] & needed) == 0) {
            ISOException.throwIt(Sw.NOT_ALLOWED);
        }
        sam.checkOpen(SamApplet.CHALLENGED);
        checkOwn(buffer);
        byte mode = modeOf(ins);
        openSession(buffer, mode);
        checkShown(buffer, mode, purse);
        if (ins == 0) {
            Util.arrayCopyNonAtomic(
                    state.data, SamState.COUNTER, buffer, Application.DATA, (short) 4);
            return 4;
        }
        return movesValue(ins)
                ? orderValue(buffer, ins, parameter, purse)
                : orderOther(buffer, ins, parameter);
    }

    private static void checkOrder(byte ins, byte parameter, byte purse) {
        byte last = 0;
        if (ins == PurseApplet.INS_DEBIT) {
            last = purse == PurseState.MAIN ? PurseState.SLOT_PARKING : PurseState.SLOT_NONE;
        } else if (ins == PurseApplet.INS_CREDIT) {
            last = LAST_PHASE;
        } else if (ins == PurseApplet.INS_BLOCK) {
            last = 1;
        }
        boolean blocks = ins == PurseApplet.INS_BLOCK;
        byte lastPurse = ins == 0 || movesValue(ins) ? PurseState.PERIODIC : PurseState.MAIN;
        if (ins != 0 && !isOrder(ins)
                || parameter > last
                || blocks && parameter == 0
                || purse > lastPurse) {
            ISOException.throwIt(Sw.WRONG_PARAMETERS);
        }
    }

    private static short bodySize(byte ins, byte parameter) {
        switch (ins) {
            case PurseApplet.INS_DEBIT:
                return (short) (VALUE_BODY + PurseState.slotSize(parameter));
            case PurseApplet.INS_CREDIT:
            case PurseApplet.INS_CANCEL:
                return VALUE_BODY;
            case PurseApplet.INS_PROOF:
                return 4;
            case PurseApplet.INS_BLOCK:
                return 1;
            default:
                return 0;
        }
    }

    /** Returns the permissions of which an order needs one; 0 if every SAM may sign it. */
    private static byte needed(byte ins, byte parameter) {
        switch (ins) {
            case PurseApplet.INS_DEBIT:
                if (parameter == PurseState.SLOT_NONE) {
                    return MAY_DEBIT;
                }
                return parameter == PurseState.SLOT_TRANSIT ? MAY_TRANSIT : MAY_PARKING;
            case PurseApplet.INS_CREDIT:
                return MAY_LOAD;
            case PurseApplet.INS_CANCEL:
            case PurseApplet.INS_BLOCK:
                return MAY_ANY_DEBIT;
            default:
                return 0;
        }
    }

    private static byte modeOf(byte ins) {
        switch (ins) {
            case PurseApplet.INS_CREDIT:
                return PurseApplet.MODE_CREDIT;
            case PurseApplet.INS_CANCEL:
                return PurseApplet.MODE_CANCEL;
            case PurseApplet.INS_PROOF:
            case PurseApplet.INS_READ_LOG:
                return PurseApplet.MODE_PROOF;
            default:
                return PurseApplet.MODE_DEBIT;
        }
    }

    /** Refuses a session of another terminal or SAM, or over another challenge. */
    private void checkOwn(byte[] buffer) {
        byte[] data = state.data;
        if (Util.arrayCompare(buffer, TERMINAL, data, SamState.TERMINAL, (short) 4) != 0
                || Util.arrayCompare(buffer, SAM, data, SamState.SAM, (short) 4) != 0
                || Util.arrayCompare(
                                buffer,
                                RT,
                                sam.session,
                                SamApplet.CHALLENGE,
                                SamApplet.CHALLENGE_SIZE)
                        != 0) {
            ISOException.throwIt(Sw.WRONG_DATA);
        }
    }

    /** Derives the card's key from its issuer's master, and the session's from that. */
    private void openSession(byte[] buffer, byte mode) {
        byte[] work = sam.work;
        short end = KEY_INPUT;
        work[end++] = 1;
        end = Util.arrayCopyNonAtomic(buffer, SAID, work, end, PurseState.CARD_SIZE);
        end = Labels.putPurseAid(work, end);
        short which = end;
        end = Util.arrayCopyNonAtomic(buffer, SAID_ISSUER, work, end, (short) 2);
        work[end++] = mode == PurseApplet.MODE_CREDIT ? ROLE_LOAD : ROLE_DEBIT;
        work[end++] = buffer[SAID_VERSION];
        short master = state.masterAt(work, which);
        if (master == SamState.NOT_FOUND) {
            ISOException.throwIt(Sw.KEYS_UNKNOWN);
        }
        sam.mac.cmac(state.keys, master, work, KEY_INPUT, end, work, CARD_KEY);
        end = Util.arrayCopyNonAtomic(buffer, RC, work, CONTEXT, (short) 8);
        end = Util.arrayCopyNonAtomic(buffer, RT, work, end, (short) 8);
        end = Util.arrayCopyNonAtomic(buffer, NT, work, end, (short) 4);
        end = Util.arrayCopyNonAtomic(buffer, TERMINAL, work, end, (short) 4);
        sam.mac.open(work, CARD_KEY, Labels.SESSION_MAC, work, CONTEXT, (short) (end - CONTEXT));
    }

    /** Refuses a card whose S1 is wrong. */
    private void checkShown(byte[] buffer, byte mode, byte purse) {
        short head = (short) (Application.DATA - 3);
        buffer[head] = Application.CARD_SAYS;
        buffer[(short) (head + 1)] = mode;
        buffer[(short) (head + 2)] = purse;
        if (!sam.mac.sessionHolds(buffer, head, (short) (S1 - head), buffer, S1)) {
            ISOException.throwIt(Sw.WRONG_MAC);
        }
    }

    /** Signs PROOF, READ LOG or BLOCK: body as it came, S2 as the answer. */
    private short orderOther(byte[] buffer, byte ins, byte parameter) {
        short head = (short) (BODY - 3);
        setHead(buffer, head, ins, parameter);
        short size = (short) (3 + bodySize(ins, parameter));
        sam.mac.sessionMac(buffer, head, size, buffer, Application.DATA);
        sam.session[Application.OPEN] = SamApplet.ORDERED;
        return Mac.SIZE;
    }

    /** Signs an order that moves value, and counts it whether or not the card obeys. */
    private short orderValue(byte[] buffer, byte ins, byte parameter, byte purse) {
        byte[] data = state.data;
        byte[] work = sam.work;
        boolean adds =
                !Rupiah.isZero(data, SamState.CEILING)
                        && (ins == PurseApplet.INS_DEBIT
                                || ins == PurseApplet.INS_CREDIT && parameter != PHASE_RESERVE);
        short unacknowledged = SamState.UNACKNOWLEDGED;
        if (adds
                && (Rupiah.add(data, unacknowledged, buffer, AMOUNT, work, UNACKNOWLEDGED)
                        || Rupiah.greater(work, UNACKNOWLEDGED, data, SamState.CEILING))) {
            ISOException.throwIt(Sw.CEILING_REACHED);
        }
        if (Rupiah.increment(data, SamState.COUNTER, work, COUNTER)) {
            ISOException.throwIt(Sw.COUNTER_EXHAUSTED);
        }
        boolean restricted = ins == PurseApplet.INS_DEBIT && purse != PurseState.MAIN;
        short answered = makeOrder(buffer, ins, parameter, restricted);
        JCSystem.beginTransaction();
        Store.copy(work, COUNTER, data, SamState.COUNTER, (short) 4);
        if (adds) {
            Store.copy(work, UNACKNOWLEDGED, data, unacknowledged, Rupiah.SIZE);
        }
        JCSystem.commitTransaction();
        sam.session[Application.OPEN] = SamApplet.ORDERED;
        return answered;
    }

    /**
     * Makes an order's answer: counter, on a restricted purse operator and category, S2 over
     * 02, INS, the parameter, seconds and place, counter, and the state or the merchant.
     */
    private short makeOrder(byte[] buffer, byte ins, byte parameter, boolean restricted) {
        byte[] work = sam.work;
        short stateSize = (short) (bodySize(ins, parameter) - VALUE_BODY);
        // The message is put together over what was shown, which nobody needs any more.
        short message = (short) (Application.DATA + 32);
        setHead(buffer, message, ins, parameter);
        short end = (short) (message + 3);
        end = Util.arrayCopyNonAtomic(buffer, BODY, buffer, end, VALUE_BODY);
        end = Util.arrayCopyNonAtomic(work, COUNTER, buffer, end, (short) 4);
        short answer = Util.arrayCopyNonAtomic(work, COUNTER, buffer, Application.DATA, (short) 4);
        if (restricted) {
            byte[] data = state.data;
            end = Util.arrayCopyNonAtomic(data, SamState.MERCHANT, buffer, end, (short) 4);
            answer = Util.arrayCopyNonAtomic(data, SamState.MERCHANT, buffer, answer, (short) 4);
        } else {
            end =
                    Util.arrayCopyNonAtomic(
                            buffer, (short) (BODY + VALUE_BODY), buffer, end, stateSize);
        }
        sam.mac.sessionMac(buffer, message, (short) (end - message), buffer, answer);
        return (short) (answer + Mac.SIZE - Application.DATA);
    }

    private static void setHead(byte[] buffer, short at, byte ins, byte parameter) {
        buffer[at] = Application.TERMINAL_ORDERS;
        buffer[(short) (at + 1)] = ins;
        buffer[(short) (at + 2)] = parameter;
    }
}
