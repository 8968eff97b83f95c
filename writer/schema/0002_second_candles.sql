-- Candles of one second, kept like those of a minute: so that no request has to add up trades.
create table klines_1s (like klines_1m including all) with (fillfactor = 70);
insert into klines_1s
select
    instrument,
    at_ns - at_ns % 1000000000,
    (array_agg(price order by trade_id))[1],
    max(price),
    min(price),
    (array_agg(price order by trade_id desc))[1],
    sum(qty),
    sum(price::numeric * qty),
    coalesce(sum(qty) filter (where side = 0), 0),
    coalesce(sum(price::numeric * qty) filter (where side = 0), 0),
    count(*),
    min(trade_id),
    max(trade_id)
from trades
group by instrument, at_ns - at_ns % 1000000000;
