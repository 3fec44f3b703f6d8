-- What a seat of each tier of Kiro includes and costs a month: kiro.tiers, kiro.overage_price and kiro.currency of the config, as of the last setup.
CREATE OR REPLACE VIEW kiro_tiers AS
SELECT tier, included_credits, price, overage_price, currency
FROM (
    VALUES
        ('pro', DECIMAL '1000', DECIMAL '20', DECIMAL '0.04', 'USD'),
        ('pro_plus', DECIMAL '2000', DECIMAL '40', DECIMAL '0.04', 'USD'),
        ('pro_max', DECIMAL '5000', DECIMAL '100', DECIMAL '0.04', 'USD'),
        ('power', DECIMAL '10000', DECIMAL '200', DECIMAL '0.04', 'USD')
) AS listed (tier, included_credits, price, overage_price, currency)
