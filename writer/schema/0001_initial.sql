-- The books of record. Every row here is computed from events (writer/project.py) and arrives in the
-- transaction that moves the watermark, so the database always shows the exchange exactly as it
-- stood after the command watermark.seq. Only api_keys is not derived from events.
--
-- Numbers are the exchange's own integers: prices and quantities in the instrument's decimals
-- (instruments.price_decimals, qty_decimals), money in the asset's decimals (assets.decimals), times in
-- nanoseconds since 1970, enums as numbered in protocol/terms.py. Nothing is NULL in a table that
-- grows with trading: 0 means "none" (for prevented matches, whose ids start at 0, there is no row).
--
-- The columns are declared once more, for the encoders, in writer/tables.py; a test holds both together.

-- How far the database has come: one row, moved only by the transaction that writes the rows.
-- A reader that must see command N waits until seq >= N; event_seq is the last event written.
create table watermark (
    id          smallint primary key default 1 check (id = 1),
    seq         bigint not null,
    event_seq   bigint not null,
    at_ns       bigint not null
) with (fillfactor = 50);
insert into watermark (seq, event_seq, at_ns) values (0, 0, 0);

create table assets (
    asset       smallint primary key,
    code        text not null unique,
    decimals    smallint not null
);

create table instruments (
    instrument      smallint primary key,
    symbol          text not null unique,
    base_asset      smallint not null,
    quote_asset     smallint not null,
    price_decimals  smallint not null,
    qty_decimals    smallint not null,
    added_ns        bigint not null
);

-- Terms as last set, by InstrumentTerm; a term never set has no row.
create table instrument_terms (
    instrument  smallint not null,
    term        smallint not null,
    value       bigint not null,
    event_seq   bigint not null,
    primary key (instrument, term)
);

-- state, trade_group and fee_tier as in AccountTerm. Account 0 collects the fees and is never added.
create table accounts (
    account     integer primary key,
    name        text not null unique,
    state       integer not null default 0,
    trade_group bigint not null default 0,
    fee_tier    integer not null default 0,
    created_ns  bigint not null
);
insert into accounts (account, name, created_ns) values (0, '', 0);

-- Share of the instrument's fee rate that a tier pays, in bips.
create table fee_tiers (
    tier        integer primary key,
    maker_share bigint not null,
    taker_share bigint not null
);

-- Who may sign requests. secret: HMAC secret or PEM public key, as key_type says (HMAC, RSA, ED25519).
-- Whoever changes a row sends NOTIFY api_keys with the key in the payload.
create table api_keys (
    api_key     text primary key,
    account     integer not null,
    secret      text not null,
    key_type    text not null default 'HMAC' check (key_type in ('HMAC', 'RSA', 'ED25519')),
    permissions text[] not null default '{}',
    ip_list     text[] not null default '{}',
    created_at  timestamptz not null default now(),
    revoked_at  timestamptz
);
create index api_keys_by_account on api_keys (account);

-- One row per accepted order, as it stands after its last event. Rejected orders are not stored.
-- entered_qty is the quantity at acceptance (an amend changes order_qty only). updated_ns and
-- event_seq belong to the last event, reason is the ExpiryReason of an expired order.
-- No index holds a column that changes, so every update is heap-only (HOT). Hence no index on
-- open orders: those are read from shared memory, where they are never behind.
create table orders (
    order_id        bigint primary key,
    account         integer not null,
    instrument      smallint not null,
    side            smallint not null,
    ord_type        smallint not null,
    time_in_force   smallint not null,
    stp_mode        smallint not null,
    ord_status      smallint not null,
    reason          smallint not null,
    working         boolean not null,
    strategy_type   bigint not null,
    trailing_bips   integer not null,
    list_id         bigint not null,
    price           bigint not null,
    entered_qty     bigint not null,
    order_qty       bigint not null,
    leaves_qty      bigint not null,
    cum_qty         bigint not null,
    cum_quote       bigint not null,
    prevented_qty   bigint not null,
    quote_qty       bigint not null,
    stop_px         bigint not null,
    display_qty     bigint not null,
    strategy_id     bigint not null,
    created_ns      bigint not null,
    working_ns      bigint not null,
    expire_ns       bigint not null,
    updated_ns      bigint not null,
    event_seq       bigint not null,
    cl_ord_id       text not null
) with (fillfactor = 80);
-- All orders of an account on an instrument, by id. Order ids rise with time: a time range becomes
-- an id range through created_ns.
create index orders_by_account on orders (account, instrument, order_id);
-- The newest order with a text id; text ids come back once the dedupe window is over.
create index orders_by_cl_ord_id on orders (account, instrument, cl_ord_id, order_id);
create index orders_by_list on orders (list_id) where list_id > 0;
create index orders_by_created on orders using brin (created_ns);

-- In-place amends, one row each. The quantity before is order_qty of the row before (or
-- orders.entered_qty); event_seq is the execution id.
create table amendments (
    order_id        bigint not null,
    event_seq       bigint not null,
    account         integer not null,
    instrument      smallint not null,
    order_qty       bigint not null,
    at_ns           bigint not null,
    orig_cl_ord_id  text not null,
    cl_ord_id       text not null,
    primary key (order_id, event_seq)
);

-- Order lists; their legs are the orders with this list_id, by order_id (the order of the legs).
create table order_lists (
    list_id     bigint primary key,
    account     integer not null,
    instrument  smallint not null,
    list_kind   smallint not null,
    done        boolean not null,
    order_count integer not null,
    created_ns  bigint not null,
    updated_ns  bigint not null,
    cl_ord_id   text not null
) with (fillfactor = 80);
create index order_lists_by_account on order_lists (account, list_id);
create index order_lists_by_cl_ord_id on order_lists (account, cl_ord_id, list_id);

-- One row per trade. event_seq is the maker's execution id, the taker's is event_seq + 1.
-- side is the aggressor's (the taker's). Partitioned by day (UTC) of at_ns; the writer makes days
-- ahead, the default partition takes what no day covers, so that no clock can stop the writing.
-- Trade ids rise with time: a time range becomes an id range through klines_1m.first_trade_id.
create table trades (
    at_ns           bigint not null,
    trade_id        bigint not null,
    agg_trade_id    bigint not null,
    event_seq       bigint not null,
    price           bigint not null,
    qty             bigint not null,
    maker_order_id  bigint not null,
    taker_order_id  bigint not null,
    maker_list_id   bigint not null,
    taker_list_id   bigint not null,
    maker_fee       bigint not null,
    taker_fee       bigint not null,
    maker_account   integer not null,
    taker_account   integer not null,
    instrument      smallint not null,
    maker_fee_asset smallint not null,
    taker_fee_asset smallint not null,
    side            smallint not null,
    auction         boolean not null,
    primary key (instrument, trade_id, at_ns)
) partition by range (at_ns);
create table trades_other partition of trades default;
create index trades_by_agg_trade on trades (instrument, agg_trade_id);
create index trades_by_maker on trades (maker_account, instrument, trade_id);
create index trades_by_taker on trades (taker_account, instrument, trade_id);

-- Self-trades that were prevented, one row each; a quantity is 0 for a side that lost nothing.
create table prevented_matches (
    instrument      smallint not null,
    prevented_id    bigint not null,
    event_seq       bigint not null,
    at_ns           bigint not null,
    price           bigint not null,
    maker_order_id  bigint not null,
    taker_order_id  bigint not null,
    maker_qty       bigint not null,
    taker_qty       bigint not null,
    maker_account   integer not null,
    taker_account   integer not null,
    stp_mode        smallint not null,
    primary key (instrument, prevented_id)
);
create index prevented_by_maker_order on prevented_matches (maker_order_id);
create index prevented_by_taker_order on prevented_matches (taker_order_id);

-- What an account holds now.
create table balances (
    account     integer not null,
    asset       smallint not null,
    free        bigint not null,
    locked      bigint not null,
    event_seq   bigint not null,
    primary key (account, asset)
) with (fillfactor = 50);

-- Every change of a balance: what it became and by how much it changed. kind is the EventKind.
-- A fee is a row of account 0 at the event of the side that paid it, so per asset the deltas of all
-- rows except DEPOSITED and WITHDRAWN sum to zero over any range of whole commands.
create table ledger (
    at_ns           bigint not null,
    event_seq       bigint not null,
    seq             bigint not null,
    order_id        bigint not null,
    trade_id        bigint not null,
    free            bigint not null,
    locked          bigint not null,
    free_delta      bigint not null,
    locked_delta    bigint not null,
    account         integer not null,
    asset           smallint not null,
    instrument      smallint not null,
    kind            smallint not null,
    primary key (event_seq, account, asset, at_ns)
) partition by range (at_ns);
create table ledger_other partition of ledger default;

-- Deposits (amount > 0) and withdrawals (amount < 0) with the reference they were given.
create table transfers (
    event_seq   bigint primary key,
    account     integer not null,
    asset       smallint not null,
    amount      bigint not null,
    at_ns       bigint not null,
    reference   text not null
);
create index transfers_by_account on transfers (account, event_seq);

-- Session phases as they began; until_ns is the planned end (0: none).
create table phases (
    event_seq       bigint primary key,
    instrument      smallint not null,
    phase           smallint not null,
    reference_price bigint not null,
    at_ns           bigint not null,
    until_ns        bigint not null
);
create index phases_by_instrument on phases (instrument, event_seq);

-- What each call auction ended with; price 0: nothing traded.
create table auctions (
    event_seq       bigint primary key,
    instrument      smallint not null,
    price           bigint not null,
    paired_qty      bigint not null,
    imbalance_qty   bigint not null,
    imbalance_side  smallint not null,
    at_ns           bigint not null
);
create index auctions_by_instrument on auctions (instrument, event_seq);

-- Candles of one minute and one hour (UTC), kept in the transaction that writes their trades; longer
-- ones are rolled up at reading. A minute without a trade has no row. Sums are exact: qty and
-- taker_buy_qty in the instrument's quantity units, quote_qty and taker_buy_quote_qty in
-- price units x quantity units (times quote scale: money of the quote asset).
create table klines_1m (
    instrument          smallint not null,
    open_ns             bigint not null,
    open                bigint not null,
    high                bigint not null,
    low                 bigint not null,
    close               bigint not null,
    qty                 numeric(40) not null,
    quote_qty           numeric(40) not null,
    taker_buy_qty       numeric(40) not null,
    taker_buy_quote_qty numeric(40) not null,
    trade_count         bigint not null,
    first_trade_id      bigint not null,
    last_trade_id       bigint not null,
    primary key (instrument, open_ns)
) with (fillfactor = 70);
create table klines_1h (like klines_1m including all) with (fillfactor = 70);
